# SPDX-License-Identifier: Apache-2.0
# Headers, both libraries, a pkg-config file and a CMake package, all relocatable. What an embedding
# project installs is its own affair: NETIPC_INSTALL is off there.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY include/netipc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set_target_properties(netipc_shared PROPERTIES EXPORT_NAME netipc)
install(TARGETS netipc_shared netipc_static EXPORT netipcTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(netipc_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/netipc)
install(EXPORT netipcTargets NAMESPACE netipc:: DESTINATION ${netipc_package_dir})
configure_package_config_file(cmake/netipcConfig.cmake.in ${PROJECT_BINARY_DIR}/netipcConfig.cmake
                              INSTALL_DESTINATION ${netipc_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/netipcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/netipcConfig.cmake ${PROJECT_BINARY_DIR}/netipcConfigVersion.cmake
        DESTINATION ${netipc_package_dir})

# The directories as netipc.pc writes them: below its own place where they are, so that the tree can be moved.
set(netipc_pc_prefix ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  file(RELATIVE_PATH netipc_pc_up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" netipc_pc_up ${netipc_pc_up})
  set(netipc_pc_prefix "\${pcfiledir}/${netipc_pc_up}")
endif()
foreach(kind LIBDIR INCLUDEDIR)
  set(netipc_pc_${kind} ${CMAKE_INSTALL_${kind}})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${kind}})
    set(netipc_pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
  endif()
endforeach()
set(netipc_pc_requires "")
if(NETIPC_CACHE)
  set(netipc_pc_requires liburcu-bp)
endif()
configure_file(cmake/netipc.pc.in ${PROJECT_BINARY_DIR}/netipc.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/netipc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
