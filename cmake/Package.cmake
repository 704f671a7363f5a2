# What `cpack -G DEB` puts into florin_<version>_<architecture>.deb; compose/package builds it.
#
#   /usr/bin                  the five daemons and the operator's florin
#   /lib/systemd/system       florin.target and florin@.service
#   /etc/florin/florin.ini    configuration, kept over upgrades (a conffile)
#   /usr/share/doc/florin     README.md, openapi.json, copyright
#
# Two components, because /etc and /lib do not lie below a prefix: `cmake --install --prefix X`
# leaves `system` out and writes below X only.
include_guard(GLOBAL)

set(FLORIN_COMPOSE ${CMAKE_SOURCE_DIR}/compose)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_BINARY_DIR}/proto/openapi.json
    DESTINATION share/doc/florin COMPONENT florin)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/florin RENAME copyright
    COMPONENT florin)
install(FILES ${FLORIN_COMPOSE}/systemd/florin.target ${FLORIN_COMPOSE}/systemd/florin@.service
    DESTINATION /lib/systemd/system COMPONENT system EXCLUDE_FROM_ALL)
install(FILES ${FLORIN_COMPOSE}/config/florin.ini DESTINATION /etc/florin COMPONENT system
    EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME florin)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Florin maintainers <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Self-hosted banking core: identity, money, KYC, provable audit")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL florin system)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_NAME florin)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Five daemons (auth, ledger, kyc, audit, gateway) and the operator's florin.
Applications use the REST gateway, services call each other by protobuf over
nng, and auditors verify the log without having to trust it.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${FLORIN_COMPOSE}/deb/conffiles ${FLORIN_COMPOSE}/deb/postinst
    ${FLORIN_COMPOSE}/deb/prerm ${FLORIN_COMPOSE}/deb/postrm)
include(CPack)
