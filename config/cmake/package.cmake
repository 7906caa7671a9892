# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` installs, and the Debian packages that cpack makes of it:
# shopme-edge (the gateway) and shopme-devices (the simulated devices).
#
#   cmake --preset release && cmake --build --preset release
#   cpack --config build/release/CPackConfig.cmake -B build/packages
#
# For arm64: config/cmake/arm64.cmake as the toolchain file.
include(GNUInstallDirs)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# Whether the gateway tells systemd that it is ready and alive. Only for packing a
# release that does not yet.
option(EDGE_NOTIFY "The gateway speaks systemd's sd_notify" ON)
set(from ${PROJECT_SOURCE_DIR}/config)
set(made ${PROJECT_BINARY_DIR}/config/package)
set(doc ${CMAKE_INSTALL_DATADIR}/doc)
# As packages have it, whatever the umask.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    ${CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})

# Manual pages and completions: from what the programs say about themselves.
set(manual ${made}/man/shopme-edge.1.gz ${made}/man/shopme-edge.yaml.5.gz
    ${made}/man/shopme-devices.1.gz ${made}/completions/shopme-edge
    ${made}/completions/shopme-devices)
add_custom_command(OUTPUT ${manual}
  COMMAND Python3::Interpreter ${from}/manual.py
    --edge $<TARGET_FILE:shopme-edge> --devices $<TARGET_FILE:shopme-devices>
    --out ${made} "--runner=$<JOIN:${CMAKE_CROSSCOMPILING_EMULATOR}, >"
  DEPENDS shopme-edge shopme-devices ${from}/manual.py VERBATIM)
if(EDGE_SANITIZE OR EDGE_COVERAGE OR EDGE_FUZZ)
  add_custom_target(manual DEPENDS ${manual})
else()
  add_custom_target(manual ALL DEPENDS ${manual})
endif()

# The units: one for a box with one store, one for several (NAME.yaml). They name
# the prefix, which is known when they are installed.
if(EDGE_NOTIFY)
  set(type notify)
  # Longer than what the gateway itself allows a loop before it ends the process.
  set(watchdog WatchdogSec=30)
else()
  set(type exec)
  set(watchdog "")
endif()
function(edge_unit unit directory config credentials description)
  install(CODE "
    set(unit [[${unit}]])
    set(directory [[${directory}]])
    set(config [[${config}]])
    set(credentials [[${credentials}]])
    set(description [[${description}]])
    set(type [[${type}]])
    set(watchdog [[${watchdog}]])
    set(bin \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    set(libexec \"\${CMAKE_INSTALL_PREFIX}/lib/shopme-edge\")
    configure_file([[${from}/systemd/shopme-edge.service.in]] [[${made}/${unit}]] @ONLY)
    file(INSTALL [[${made}/${unit}]]
         DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")
    " COMPONENT gateway)
endfunction()
edge_unit(shopme-edge.service shopme-edge shopme-edge credentials "")
edge_unit(shopme-edge@.service shopme-edge-%i %i %i.credentials " %i")

install(TARGETS shopme-edge RUNTIME COMPONENT gateway)
install(TARGETS shopme-devices RUNTIME COMPONENT devices)
# (An older release, packed by these files, has none.)
if(TARGET shopme-edge-broker)
  install(TARGETS shopme-edge-broker
          LIBRARY DESTINATION lib/shopme-edge COMPONENT gateway)
endif()
install(PROGRAMS ${from}/systemd/back-off
        DESTINATION lib/shopme-edge COMPONENT gateway)
install(DIRECTORY ${from}/schemas
        DESTINATION ${CMAKE_INSTALL_DATADIR}/shopme-edge COMPONENT gateway)
install(FILES ${from}/shopme-edge.yaml
        DESTINATION ${doc}/shopme-edge/examples COMPONENT gateway)
# Debian's own form of a change log refers to the real one.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(pair IN ITEMS gateway:shopme-edge devices:shopme-devices)
  string(REGEX MATCH "(.*):(.*)" pair ${pair})
  set(component ${CMAKE_MATCH_1})
  set(package ${CMAKE_MATCH_2})
  configure_file(${from}/debian/changelog.in ${made}/${package}/changelog @ONLY)
  file(ARCHIVE_CREATE OUTPUT ${made}/${package}/changelog.gz
       PATHS ${made}/${package}/changelog FORMAT raw COMPRESSION GZip)
  install(FILES ${made}/${package}/changelog.gz ${from}/debian/copyright
          DESTINATION ${doc}/${package} COMPONENT ${component})
endforeach()
file(GLOB documents ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${documents} DESTINATION ${doc}/shopme-edge COMPONENT gateway)
foreach(file IN ITEMS README.md CHANGELOG.md)
  install(FILES ${PROJECT_SOURCE_DIR}/${file} OPTIONAL
          DESTINATION ${doc}/shopme-edge COMPONENT gateway)
endforeach()
install(FILES ${made}/man/shopme-edge.1.gz
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT gateway)
install(FILES ${made}/man/shopme-edge.yaml.5.gz
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT gateway)
install(FILES ${made}/man/shopme-devices.1.gz
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT devices)
set(completions ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${made}/completions/shopme-edge
        DESTINATION ${completions} COMPONENT gateway)
install(FILES ${made}/completions/shopme-devices
        DESTINATION ${completions} COMPONENT devices)

# --- The packages ---
foreach(script IN ITEMS postinst prerm postrm)
  configure_file(${from}/debian/${script}.in ${made}/debian/${script} @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
      GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME shopme-edge)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Shopme Edge maintainers <maintainers@shopme-edge.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL gateway devices)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS OFF)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
else()
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE amd64)
endif()
set(tail ${PROJECT_VERSION}_${CPACK_DEBIAN_PACKAGE_ARCHITECTURE}.deb)

set(CPACK_DEBIAN_GATEWAY_PACKAGE_NAME shopme-edge)
set(CPACK_DEBIAN_GATEWAY_FILE_NAME shopme-edge_${tail})
set(CPACK_DEBIAN_GATEWAY_PACKAGE_SECTION net)
set(CPACK_COMPONENT_GATEWAY_DESCRIPTION
  "gateway of a store: from MQTT to a durable journal to AWS
Takes the events of tills and sensors from MQTT, keeps them in a journal on
the disk, runs the orders of the store with or without a network, and sends
all of it to Amazon EventBridge or Kinesis as soon as it can.")
# What no linker sees: programs that it starts, and the event loop that
# libwebsockets loads when it runs.
set(CPACK_DEBIAN_GATEWAY_PACKAGE_DEPENDS
  "adduser, ca-certificates, init-system-helpers (>= 1.54), libwebsockets-evlib-uv, mosquitto (>= 2.0.11), util-linux (>= 2.33)")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_CONTROL_EXTRA
  ${made}/debian/postinst ${made}/debian/prerm ${made}/debian/postrm)

set(CPACK_DEBIAN_DEVICES_PACKAGE_NAME shopme-devices)
set(CPACK_DEBIAN_DEVICES_FILE_NAME shopme-devices_${tail})
set(CPACK_DEBIAN_DEVICES_PACKAGE_SECTION net)
set(CPACK_COMPONENT_DEVICES_DESCRIPTION
  "simulated devices of a store
Tills, scanners, payment terminals and sensors that place orders with a
Shopme Edge gateway, and say at the end whether every event was confirmed.")
include(CPack)
