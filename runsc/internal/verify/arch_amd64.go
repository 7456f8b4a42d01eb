package verify

import "golang.org/x/sys/unix"

// The tokens by which filters tell architectures apart (linux/audit.h).
const (
	nativeArch  = unix.AUDIT_ARCH_X86_64
	foreignArch = unix.AUDIT_ARCH_I386

	// foreignBit marks calls by the x32 ABI, which has the native token
	// (asm/unistd.h, __X32_SYSCALL_BIT).
	foreignBit = 0x40000000
)
