# SPDX-License-Identifier: Apache-2.0
# Static probes, shm/probes.h: nothing is linked for them. The property NETIPC_PROBES of netipc_objects says whether they
# are there.
set(netipc_probes OFF)
if(NETIPC_USDT)
  include(CheckIncludeFile)
  check_include_file(sys/sdt.h NETIPC_HAVE_SDT)
  if(NETIPC_HAVE_SDT)
    set(netipc_probes ON)
  elseif(NOT NETIPC_USDT STREQUAL "AUTO")
    message(FATAL_ERROR "NETIPC_USDT needs sys/sdt.h: install the packages of the group build "
                        "(tools/prepare.sh --group build --no-build), or configure with -DNETIPC_USDT=OFF.")
  endif()
endif()
if(netipc_probes)
  target_compile_definitions(netipc_objects PRIVATE NETIPC_USDT)
endif()
set_property(TARGET netipc_objects PROPERTY NETIPC_PROBES ${netipc_probes})
