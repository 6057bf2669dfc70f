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
