package directfspolicy

import "testing"

func TestPlanString(t *testing.T) {
	const want = `MOUNT  ACCESS    WRITES  DONATED  CACHE      WHY
/      none      -       -        -          not a gofer mount
/off   lisafs    yes     no       shared     hint dev.gvisor.spec.mount.off.directfs=off
/on    directfs  yes     yes      shared     hint dev.gvisor.spec.mount.on.directfs=on
/blob  lisafs    yes     no       exclusive  backend "blob" cannot donate a root FD
/ro    directfs  no      yes      exclusive  --directfs=true; hint dev.gvisor.spec.mount.ro.cache=exclusive
/tmp   none      -       -        -          not a gofer mount

sandbox  raised for /on, /ro, containers that may join (--directfs=true), containers that may join (dev.gvisor.spec.mount.on.directfs=on), containers that may join (dev.gvisor.spec.mount.later.directfs=on): CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID, umask 0, spec user namespace
sentry   seccomp sentry-base + sentry-host-filesystem
gofer    seccomp gofer-base + gofer-directfs-fallback + gofer-lisafs
warning  hint dev.gvisor.spec.mount.later.directfs=on matches no mount of this container
warning  hint dev.gvisor.spec.mount.never.directfs=off matches no mount of this container
warning  hint dev.gvisor.spec.mount.later.cache=shared matches no mount of this container
warning  mount "/ro" has an exclusive cache: the container sees late or never what anybody else writes there
`
	if got := mustResolve(t, mixed).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlanStringNotRaised(t *testing.T) {
	const want = `MOUNT  ACCESS  WRITES  DONATED  CACHE   WHY
/      lisafs  yes     no       shared  --directfs=false

sandbox  not raised: no capabilities for files, umask unchanged, new user namespace
sentry   seccomp sentry-base
gofer    seccomp gofer-base + gofer-lisafs
`
	if got := mustResolve(t, Request{Rootfs: Mount{Backend: StockGofer}}).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhy(t *testing.T) {
	for _, tt := range []struct {
		why  Why
		want string
	}{
		{Why{Reason: BecauseFlagOff}, "--directfs=false"},
		{Why{Reason: BecauseFlagOn}, "--directfs=true"},
		{Why{Reason: BecauseHintOff, Key: "k"}, "hint k=off"},
		{Why{Reason: BecauseHintOn, Key: "k"}, "hint k=on"},
		{Why{Reason: BecauseCannotDonate, Backend: "virtual gofer"}, "virtual gofer cannot donate a root FD"},
		{Why{Reason: BecauseNotGofer}, "not a gofer mount"},
		{Why{Reason: BecauseDefaultShared}, "default"},
		{Why{Reason: BecauseDefaultExclusive}, "default"},
		{Why{Reason: BecauseHintShared, Key: "k"}, "hint k=shared"},
		{Why{Reason: BecauseHintExclusive, Key: "k"}, "hint k=exclusive"},
	} {
		if got := tt.why.String(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.why.Reason, got, tt.want)
		}
	}
}
