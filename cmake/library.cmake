# SPDX-License-Identifier: Apache-2.0
find_package(Threads REQUIRED)

netipc_compile_settings(netipc_objects)
# Without pairs of words made into vectors: what was stored word by word and is loaded two words at a time waits for the
# stores, a quarter of what a lease costs.
target_compile_options(netipc_objects PRIVATE -fno-tree-slp-vectorize)
set_target_properties(netipc_objects PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)

add_library(netipc_shared SHARED $<TARGET_OBJECTS:netipc_objects>)
add_library(netipc_static STATIC $<TARGET_OBJECTS:netipc_objects>)
set_target_properties(netipc_shared netipc_static PROPERTIES OUTPUT_NAME netipc)
set_target_properties(netipc_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0
                      LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/netipc.map)
target_link_options(netipc_shared PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/netipc.map)
if(NOT ((NETIPC_SANITIZE OR NETIPC_FUZZ) AND CMAKE_C_COMPILER_ID MATCHES "Clang"))
  # Clang links the sanitizers' runtime into programs only: there, their symbols are not defined here.
  target_link_options(netipc_shared PRIVATE -Wl,-z,defs)
endif()
foreach(library netipc_shared netipc_static)
  target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  if(NETIPC_SANITIZE)
    target_link_options(${library} PUBLIC -fsanitize=${NETIPC_SANITIZE})
  endif()
  target_link_libraries(${library} PRIVATE Threads::Threads)
  if(NETIPC_CACHE)
    target_link_libraries(${library} PRIVATE PkgConfig::NETIPC_URCU)
  endif()
endforeach()
add_library(netipc::netipc ALIAS netipc_shared)
add_library(netipc::netipc_static ALIAS netipc_static)
