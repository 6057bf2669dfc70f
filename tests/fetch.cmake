# Tests of gatewayd/fetch.
unit_test(fetch_url USES mtls::gatewayd_core)
unit_test(plan USES mtls::gatewayd_core)
unit_test(list_check USES mtls::gatewayd_core)
unit_test(crl_stay USES mtls::gatewayd_core)
unit_test(web_answer USES mtls::gatewayd_core)
fuzz_target(fetch_url USES mtls::gatewayd_core)
fuzz_target(web_answer USES mtls::gatewayd_core)
unit_test(ocsp USES mtls::gatewayd_core)
fuzz_target(ocsp USES mtls::gatewayd_core)
unit_test(standing SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/edge_world.c USES mtls::gatewayd_core)
# The children are sandboxed: LeakSanitizer may not look into them.
set_tests_properties(unit.standing PROPERTIES ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0")
