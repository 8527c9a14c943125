# SPDX-License-Identifier: Apache-2.0
set(NETIPC_FOREIGN_ARCH aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
