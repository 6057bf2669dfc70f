if(TARGET gatewayd_core)
    unit_test(audit_commit USES mtls::gatewayd_core)
    program(bench_audit SOURCES bench/audit.c USES mtls::gatewayd_core)
endif()
