// This file lets the package declare functions that the linker finds elsewhere.
