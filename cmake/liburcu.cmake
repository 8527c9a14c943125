# SPDX-License-Identifier: Apache-2.0
# PkgConfig::NETIPC_URCU, for publish/rcu.h. In the project around this one, and once more in that of who uses the
# installed static library.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(NETIPC_URCU QUIET IMPORTED_TARGET GLOBAL liburcu-bp)
endif()
if(NOT TARGET PkgConfig::NETIPC_URCU)
  message(FATAL_ERROR "netipc_cache needs liburcu-bp, found by pkg-config: install the packages of the group build "
                      "(tools/prepare.sh --group build --no-build), or configure with -DNETIPC_CACHE=OFF.")
endif()
