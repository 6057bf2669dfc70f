# Tests of gatewayd/decide.
unit_test(der USES mtls::gatewayd_core)
unit_test(identity USES mtls::gatewayd_core)
unit_test(mapping USES mtls::gatewayd_core)
unit_test(decide SOURCES unit/decide_world.c USES mtls::gatewayd_core)
fuzz_target(identity USES mtls::gatewayd_core)
fuzz_target(mapping USES mtls::gatewayd_core)
