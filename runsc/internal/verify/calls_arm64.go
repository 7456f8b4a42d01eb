package verify

import "golang.org/x/sys/unix"

// The tokens by which filters tell architectures apart (linux/audit.h).
const (
	nativeArch  = unix.AUDIT_ARCH_AARCH64
	foreignArch = unix.AUDIT_ARCH_ARM
	foreignBit  = 0
)

// oldNumbers returns the calls that newer architectures, like this one, do not
// have.
func oldNumbers() map[string]uint32 {
	return map[string]uint32{}
}
