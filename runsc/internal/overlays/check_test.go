package overlays

import (
	"errors"
	"os"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"golang.org/x/sys/unix"
)

func hostOverlay(destination, upper string, inode uint64) directfspolicy.Mount {
	return directfspolicy.Mount{
		Destination: destination, Backend: directfspolicy.StockGofer, Union: &directfspolicy.Union{},
		Sources: []directfspolicy.Source{
			{Path: upper, Device: 1, Inode: inode, Layer: directfspolicy.UpperLayer},
			{Path: "/work" + destination, Device: 1, Inode: 1000 + uint64(destination[2]), Layer: directfspolicy.WorkLayer},
			{Path: "/lower", Device: 1, Inode: 1, Layer: directfspolicy.LowerLayer},
		},
	}
}

// sentryUpper is the upper layer of an overlay that the sentry makes.
func sentryUpper(of, path string, inode uint64) directfspolicy.Mount {
	return directfspolicy.Mount{
		Destination: of + "/.overlay/upper", Backend: directfspolicy.StockGofer, Cache: directfspolicy.CacheShared,
		Layer: &directfspolicy.Layer{Of: of, Kind: directfspolicy.UpperLayer}, Sources: []directfspolicy.Source{{Path: path, Device: 1, Inode: inode}},
	}
}

func planFor(t *testing.T, mounts ...directfspolicy.Mount) directfspolicy.Plan {
	t.Helper()
	p, err := directfspolicy.Resolve(directfspolicy.Request{Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer}, Mounts: mounts})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// One upper layer is for one overlay, whichever driver makes it, and by whatever
// name. Directories that nobody has looked at are not compared.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		mounts []directfspolicy.Mount
		want   string
	}{
		"apart":         {[]directfspolicy.Mount{hostOverlay("/ov", "/u", 5), hostOverlay("/ow", "/v", 6)}, ""},
		"nobody looked": {[]directfspolicy.Mount{sentryUpper("/ov", "/u", 0), sentryUpper("/ow", "/u", 0)}, ""},
		"host's":        {[]directfspolicy.Mount{hostOverlay("/ov", "/u", 5), hostOverlay("/ow", "/link", 5)}, `mount "/ow": overlay option upperdir "/link": is in use by mount "/ov" of this container: use a directory of its own`},
		"sentry's":      {[]directfspolicy.Mount{sentryUpper("/ov", "/u", 5), sentryUpper("/ow", "/u", 5)}, `mount "/ow": overlay option upperdir "/u": is in use by mount "/ov" of this container: use a directory of its own`},
		"both":          {[]directfspolicy.Mount{hostOverlay("/ov", "/u", 5), sentryUpper("/ow", "/u", 5)}, `mount "/ow": overlay option upperdir "/u": is in use by mount "/ov" of this container: use a directory of its own`},
	} {
		err := Check(planFor(t, c.mounts...))
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrInUse) || err.Error() != c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// Why the kernel refuses is never the lock that this process has taken.
func TestFactsWithoutOwnLock(t *testing.T) {
	upper := t.TempDir()
	f, err := os.Open(upper)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	d := planFor(t, hostOverlay("/ov", upper, 5)).Decisions()[1]
	if got := inspect.Facts(mountOf(d), overlaymount.Host).Layers[upper]; got.LockedBy == "" {
		t.Fatal("the lock is not seen")
	}
	if got := factsOf(d).Layers[upper]; got.LockedBy != "" || !got.IsDirectory {
		t.Errorf("%+v", got)
	}
}
