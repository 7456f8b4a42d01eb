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
note     hint dev.gvisor.spec.mount.later.directfs=on matches no mount of this container
note     hint dev.gvisor.spec.mount.never.directfs=off matches no mount of this container
note     hint dev.gvisor.spec.mount.later.cache=shared matches no mount of this container
note     mount "/ro" has an exclusive cache: the container sees late or never what anybody else writes there
`
	if got := mustResolve(t, mixed).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlanStringNotRaised(t *testing.T) {
	const want = `MOUNT  ACCESS  WRITES  DONATED  CACHE   WHY
/      lisafs  yes     no       shared  --directfs=false

sandbox  not raised: no capabilities for files, umask as it was, new user namespace
sentry   seccomp sentry-base
gofer    seccomp gofer-base + gofer-lisafs
`
	if got := mustResolve(t, Request{Rootfs: Mount{Backend: StockGofer}}).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhy(t *testing.T) {
	for _, tt := range []struct {
		d    Decision
		want string
	}{
		{Decision{Reason: BecauseFlagOff}, "--directfs=false"},
		{Decision{Reason: BecauseFlagOn}, "--directfs=true"},
		{Decision{Reason: BecauseHintOff, Detail: "k"}, "hint k=off"},
		{Decision{Reason: BecauseHintOn, Detail: "k"}, "hint k=on"},
		{Decision{Reason: BecauseCannotDonate, Detail: "virtual gofer"}, "virtual gofer cannot donate a root FD"},
		{Decision{Reason: BecauseNotGofer}, "not a gofer mount"},
	} {
		if got := tt.d.Why(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.d.Reason, got, tt.want)
		}
	}
}
