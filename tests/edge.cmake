# Tests of gatewayd/edge, key, load and of what they share.
unit_test(verify USES mtls::gatewayd_core)
