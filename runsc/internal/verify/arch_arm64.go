package verify

import "golang.org/x/sys/unix"

// The tokens by which filters tell architectures apart (linux/audit.h).
const (
	nativeArch  = unix.AUDIT_ARCH_AARCH64
	foreignArch = unix.AUDIT_ARCH_ARM
	foreignBit  = 0
)
