package engine_test

import (
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
)

func TestSentryMounts(t *testing.T) {
	got, err := engine.SentryMounts("none / overlay rw 0 0\n" +
		"none /a b 9p ro,trans=fd,rfdno=8,cache=fscache,directfs 0 0\n" +
		"none /c 9p rw,cache=remote_revalidating,disable_fifo_open 0 0\n")
	want := []engine.SentryMount{
		{Destination: "/", Type: "overlay", Options: "rw"},
		{Destination: "/a b", Gofer: true, Access: directfspolicy.DirectFS, Cache: directfspolicy.CacheExclusive,
			Type: "9p", Options: "ro,trans=fd,rfdno=8,cache=fscache,directfs"},
		{Destination: "/c", Gofer: true, Access: directfspolicy.LisaFS, Cache: directfspolicy.CacheShared,
			Type: "9p", Options: "rw,cache=remote_revalidating,disable_fifo_open"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"none / 9p rw\n", "none / 9p rw,cache=none 0 0\n", "none / 9p rw,directfs 0 0\n"} {
		if got, err := engine.SentryMounts(bad); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}
