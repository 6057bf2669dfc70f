if(TARGET gatewayd_core)
    unit_test(audit_commit USES mtls::gatewayd_core)
endif()
