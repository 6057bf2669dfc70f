# The audit process, the log's form, and the command line.
unit_test(audit_commit USES mtls::gatewayd_core)
unit_test(audit_chain USES mtls::gatewayd_core)
unit_test(ca_index USES mtls::ctl)
unit_test(ca_dir USES mtls::ctl)
unit_test(options USES mtls::ctl)
unit_test(mtls_settings USES mtls::mtls_core)
fuzz_target(audit_line USES mtls::gatewayd_core)
fuzz_target(ca_index USES mtls::ctl)
fuzz_target(mtls_settings USES mtls::mtls_core)
program(bench_audit SOURCES bench/audit.c USES mtls::gatewayd_core)
add_test(NAME cases.cli COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cases/cli.sh $<TARGET_FILE:gatewayctl> $<TARGET_FILE:mtls>
    $<TARGET_FILE:bench_audit>)
set_tests_properties(cases.cli PROPERTIES LABELS cases TIMEOUT 120)
add_test(NAME cases.audit_doc COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cases/audit_doc.sh)
set_tests_properties(cases.audit_doc PROPERTIES LABELS cases)
add_test(NAME cases.guide COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cases/guide.sh $<TARGET_FILE:gatewayd> $<TARGET_FILE:gatewayctl>
    $<TARGET_FILE:mtls>)
set_tests_properties(cases.guide PROPERTIES LABELS cases TIMEOUT 120 ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
