# Tests of gatewayd/edge, key, load and of what they share.
unit_test(verify USES mtls::gatewayd_core)
unit_test(edge SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/edge_world.c USES mtls::gatewayd_core)
# The children are sandboxed: LeakSanitizer may not look into them.
set_tests_properties(unit.edge PROPERTIES ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0")
