# SPDX-License-Identifier: Apache-2.0
set(NETIPC_FOREIGN_ARCH s390x)
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
