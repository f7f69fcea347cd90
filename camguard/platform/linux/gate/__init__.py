"""The gate: a program in the kernel (BPF LSM) that refuses the open of a camera. Loaded only where switched on."""
