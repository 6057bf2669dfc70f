unit_test(messages USES mtls::gatewayd_core)
unit_test(channel USES mtls::gatewayd_core)
unit_test(audit_record USES mtls::gatewayd_core)
unit_test(logins USES mtls::gatewayd_core)
unit_test(sshd_check USES mtls::gatewayd_core)
unit_test(pam_stack USES mtls::gatewayd_core)
unit_test(sandbox USES mtls::gatewayd_core)
fuzz_target(messages USES mtls::gatewayd_core)
fuzz_target(audit_record USES mtls::gatewayd_core)
unit_test(config USES mtls::gatewayd_core)
fuzz_target(config_parse USES mtls::gatewayd_core)
fuzz_target(config_decode USES mtls::gatewayd_core)

# gatewayd as it is, but for one hook: what the roles try from inside of their sandboxes.
program(gatewayd_try SOURCES ${PROJECT_SOURCE_DIR}/gatewayd/main.c
    ${PROJECT_SOURCE_DIR}/tests/system/sandbox_try.c USES mtls::gatewayd_core)
target_compile_definitions(gatewayd_try PRIVATE MTLS_VERSION="${PROJECT_VERSION}")
add_test(NAME health.options COMMAND ${PROJECT_SOURCE_DIR}/tests/health/options.sh $<TARGET_FILE:gatewayd>)
set_tests_properties(health.options PROPERTIES LABELS health ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)

# gatewayd as its next version could be: fields more in messages, a message more; for upgrades and downgrades in tests.
get_target_property(next_sources gatewayd_core SOURCES)
list(TRANSFORM next_sources PREPEND ${PROJECT_SOURCE_DIR}/gatewayd/)
get_target_property(next_uses gatewayd_core LINK_LIBRARIES)
program(gatewayd_next SOURCES ${PROJECT_SOURCE_DIR}/gatewayd/main.c ${next_sources} USES ${next_uses})
target_compile_definitions(gatewayd_next PRIVATE MTLS_VERSION="${PROJECT_VERSION}+next" MTLS_NEXT_VERSION)
