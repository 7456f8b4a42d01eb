package syscalls

import "gvisor.dev/gvisor/pkg/sentry/syscalls/linux"

var engine = linux.AMD64
