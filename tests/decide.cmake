# Tests of gatewayd/decide.
foreach(name der identity identity_cache ledger local_server locks mapping proxy_send registry upstream)
    unit_test(${name} USES mtls::gatewayd_core)
endforeach()
unit_test(decide SOURCES unit/decide_world.c USES mtls::gatewayd_core)
foreach(name identity locks mapping)
    fuzz_target(${name} USES mtls::gatewayd_core)
endforeach()
