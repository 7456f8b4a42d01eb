package directfspolicy

import "testing"

func TestPlanString(t *testing.T) {
	const want = `MOUNT    ACCESS    WRITES  DONATED  CACHE      GOFER        WHY
/        none      -       -        -          -            not a gofer mount
/off     lisafs    yes     no       shared     -            hint dev.gvisor.spec.mount.off.directfs=off
/on      directfs  yes     yes      shared     -            hint dev.gvisor.spec.mount.on.directfs=on
/blob    lisafs    yes     no       exclusive  -            backend "blob" cannot donate a root FD
/ro      directfs  no      yes      exclusive  -            --directfs=true; hint dev.gvisor.spec.mount.ro.cache=exclusive
/models  lisafs    no      no       shared     blob/models  backend "blob/models" cannot donate a root FD; hint dev.gvisor.spec.mount.models.gofer=blob/models
/tmp     none      -       -        -          -            not a gofer mount
/ov      directfs  yes     yes      shared     -            --directfs=true
/sov     none      -       -        -          -            not a gofer mount
/s/l     directfs  no      yes      shared     -            --directfs=true
/s/u     directfs  yes     yes      shared     -            --directfs=true

sandbox  raised for /on, /ro, /ov, /s/l, /s/u, containers that may join (--directfs=true), containers that may join (dev.gvisor.spec.mount.on.directfs=on), containers that may join (dev.gvisor.spec.mount.later.directfs=on): CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID, umask 0, spec user namespace
sentry   seccomp sentry-base + sentry-host-filesystem
gofer    seccomp gofer-base + gofer-directfs-fallback + gofer-lisafs
overlay  /ov: host's overlay (default), trusted.overlay attributes; lower /l, upper /u, work /w
overlay  /sov: sentry's overlay (fallback: the host's cannot mount the layers: nested-upper), user.overlay attributes; lower /sl (directfs), upper /su (directfs)
warning  hint dev.gvisor.spec.mount.later.directfs=on matches no mount of this container
warning  hint dev.gvisor.spec.mount.never.directfs=off matches no mount of this container
warning  hint dev.gvisor.spec.mount.later.cache=shared matches no mount of this container
warning  hint dev.gvisor.spec.mount.later.gofer=blob/later matches no mount of this container
warning  mount "/ro" has an exclusive cache: the container sees late or never what anybody else writes there
warning  mount "/ov": it has a mount
warning  mount "/sov" is the sentry's overlay, because the host's cannot mount its layers: nested-upper
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
		{Why{reason: becauseFlagOff}, "--directfs=false"},
		{Why{reason: becauseFlagOn}, "--directfs=true"},
		{Why{reason: becauseHintOff, key: "k"}, "hint k=off"},
		{Why{reason: becauseHintOn, key: "k"}, "hint k=on"},
		{Why{reason: becauseCannotDonate}, "virtual gofer cannot donate a root FD"},
		{Why{reason: becauseCannotDonate, backend: "blob"}, `backend "blob" cannot donate a root FD`},
		{Why{reason: becauseDefaultGofer}, "default"},
		{Why{reason: becauseHintGofer, key: "k", name: "blob/v"}, "hint k=blob/v"},
		{Why{reason: becauseNotGofer}, "not a gofer mount"},
		{Why{reason: becauseDefaultShared}, "default"},
		{Why{reason: becauseDefaultExclusive}, "default"},
		{Why{reason: becauseHintShared, key: "k"}, "hint k=shared"},
		{Why{reason: becauseHintExclusive, key: "k"}, "hint k=exclusive"},
	} {
		if got := tt.why.String(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.why.reason, got, tt.want)
		}
	}
}
