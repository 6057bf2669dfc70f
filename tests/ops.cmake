# The load client and the echo service of the benches.
add_executable(load ${PROJECT_SOURCE_DIR}/tests/bench/load.c)
target_link_libraries(load PRIVATE house OpenSSL::SSL OpenSSL::Crypto ev)
add_test(NAME health.layers COMMAND ${PROJECT_SOURCE_DIR}/tests/health/layers.py)
add_test(NAME health.rules COMMAND ${PROJECT_SOURCE_DIR}/tests/health/rules.sh)
set_tests_properties(health.layers health.rules PROPERTIES LABELS health)
add_executable(flood ${PROJECT_SOURCE_DIR}/tests/bench/flood.c ${PROJECT_SOURCE_DIR}/tests/bench/flood_clients.c)
target_link_libraries(flood PRIVATE house OpenSSL::SSL OpenSSL::Crypto ev)

# Half an hour of mixed load; no part of the tests (tests/soak/run).
add_custom_target(soak
    COMMAND ${CMAKE_COMMAND} -E env MTLS_BUILT=${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR}/tests/soak/run
    USES_TERMINAL)
add_dependencies(soak gatewayd gatewayctl mtls load)
