# SPDX-License-Identifier: Apache-2.0
# Debian's cross compiler for NETIPC_FOREIGN_ARCH, libraries that tools/sysroot.sh unpacked into NETIPC_SYSROOT, and
# qemu's user emulation to run what is built.
set(triplet ${NETIPC_FOREIGN_ARCH}-linux-gnu)
set(NETIPC_SYSROOT "" CACHE PATH "Directory that tools/sysroot.sh has filled")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES NETIPC_SYSROOT)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${NETIPC_FOREIGN_ARCH})
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${NETIPC_FOREIGN_ARCH} -L /usr/${triplet})

set(CMAKE_FIND_ROOT_PATH ${NETIPC_SYSROOT} /usr/${triplet})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${NETIPC_SYSROOT}/usr/lib/${triplet}/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${NETIPC_SYSROOT})
