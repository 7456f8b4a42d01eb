package blob

import (
	"io/fs"
	"strconv"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

// A name that a store could not list is not made; what is there has its name.
func TestNamesThatAreNotListed(t *testing.T) {
	k := newKit(t, nil, "a", "there\x01")
	root := k.lookup("").ID
	for name, want := range map[string]error{"b\x01": syscall.EINVAL, "b\r": syscall.EINVAL, "b\uffff": syscall.EINVAL, "b\n\t": nil, "b\x7f": nil} {
		_, h, err := k.v.Create(k.ctx, root, name, volume.NewFile{}, rw)
		k.wantErr(err, want)
		if err == nil {
			k.must(h.Close(k.ctx))
		}
		k.wantErr(k.v.Rename(k.ctx, root, "a", root, name+"x", false), want)
		if want == nil {
			k.must(k.v.Rename(k.ctx, root, name+"x", root, "a", false))
		}
	}
	k.wantFile("there\x01", "content of there\x01")
}

// No store has keys that are not UTF-8: a file that can never be uploaded is not
// made.
func TestNamesThatAreNotUTF8(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListEntries = 10 }, "a")
	root := k.lookup("").ID
	_, _, err := k.v.Create(k.ctx, root, "b\xff", volume.NewFile{}, rw)
	k.wantErr(err, syscall.EINVAL)
	_, err = k.v.Mkdir(k.ctx, root, "b\xff", volume.NewFile{})
	k.wantErr(err, syscall.EINVAL)
	k.wantErr(k.v.Rename(k.ctx, root, "a", root, "b\xff", false), syscall.EINVAL)
	for i := range pageSize { // too many for a listing
		k.must(k.inner.WriteAll(k.ctx, "c"+strconv.Itoa(i), nil, nil))
	}
	k.relist()
	_, err = k.v.Lookup(k.ctx, root, "b\xff")
	k.wantErr(err, fs.ErrNotExist)
}
