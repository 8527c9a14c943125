# SPDX-License-Identifier: Apache-2.0
# What everything in this tree is compiled with. Applied to targets by netipc_compile_settings(), so
# that nothing leaks into a project that embeds this one.

if(NETIPC_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "NETIPC_FUZZ needs Clang: configure with -DCMAKE_C_COMPILER=clang "
                      "(tools/prepare.sh --group long --no-build installs it).")
endif()

function(netipc_compile_settings target)
  set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                                           -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla)
  if(NETIPC_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(NETIPC_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(NETIPC_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${NETIPC_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${NETIPC_SANITIZE})
    if(NETIPC_SANITIZE MATCHES "thread" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
      # shm/payload_copy.h and the ring need no fence to be seen there: all their shared words are atomics.
      target_compile_options(${target} PRIVATE -Wno-tsan)
    endif()
  endif()
endfunction()
