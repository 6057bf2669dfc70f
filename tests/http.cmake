# Tests of HTTP services, of PROXY headers that are accepted and of PostgreSQL's octets before TLS.
unit_test(http_request USES mtls::gatewayd_core)
unit_test(http_exchange USES mtls::gatewayd_core)
unit_test(proxy_accept USES mtls::gatewayd_core)
fuzz_target(http_request USES mtls::gatewayd_core)
fuzz_target(http_response USES mtls::gatewayd_core)
fuzz_target(proxy_accept USES mtls::gatewayd_core)
fuzz_target(postgres_prelude USES mtls::gatewayd_core)
unit_test(decide_http SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/decide_world.c USES mtls::gatewayd_core)
unit_test(edge_http SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/edge_world.c USES mtls::gatewayd_core)
target_link_options(test_edge_http PRIVATE -Wl,--wrap=clock_monotonic_ms) # half a minute passes in it
# The children are sandboxed: LeakSanitizer may not look into them.
set_tests_properties(unit.edge_http PROPERTIES ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0")
