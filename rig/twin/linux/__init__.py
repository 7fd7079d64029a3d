"""The test host that is a real Linux: a kernel in QEMU, with a modelled card on its bus."""
