package memory_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume/memory"
)

// TestXattrSpace counts what is replaced and removed.
func TestXattrSpace(t *testing.T) {
	v := newTree(t, memory.Options{MaxBytes: 100})
	free := func(want uint64) {
		t.Helper()
		if u := v.usage(); u.FreeBytes != want {
			t.Errorf("%d bytes are free, want %d", u.FreeBytes, want)
		}
	}
	for _, step := range []struct {
		value string
		free  uint64
	}{{"12345", 79}, {"123456789", 75}, {"", 84}} {
		if err := v.xattr(step.value); err != nil {
			t.Fatal(err)
		}
		free(step.free)
	}
	if err := v.RemoveXattr(t.Context(), v.file, "user.a"); err != nil {
		t.Fatal(err)
	}
	free(90)
}

// TestXattrsAreCounted: a short one costs much more memory than its bytes.
func TestXattrsAreCounted(t *testing.T) {
	v := newTree(t, memory.Options{MaxFiles: 10})
	set := func(n int) error {
		return v.SetXattr(t.Context(), v.file, fmt.Sprintf("user.%d", n), nil, false, false)
	}
	for n := range 8 { // beside the root and the file
		if err := set(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := set(8); err != syscall.ENOSPC {
		t.Errorf("one too many: %v", err)
	}
	if err := set(0); err != nil {
		t.Errorf("replaced: %v", err)
	}
	if err := v.RemoveXattr(t.Context(), v.file, "user.0"); err != nil || v.usage().FreeFiles != 1 {
		t.Errorf("removed: %v, %+v", err, v.usage())
	}
	v.handle.Close(t.Context())
	if err := v.Remove(t.Context(), v.root, "file", false); err != nil || v.usage().FreeFiles != 9 {
		t.Errorf("the file is removed: %v, %+v", err, v.usage())
	}
}

// TestXattrIsCopied changes what was given and what was returned.
func TestXattrIsCopied(t *testing.T) {
	v := newTree(t, memory.Options{})
	value := []byte("value")
	if err := v.SetXattr(t.Context(), v.file, "user.a", value, false, false); err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	for range 2 {
		got, err := v.GetXattr(t.Context(), v.file, "user.a")
		if string(got) != "value" || err != nil {
			t.Errorf("the value is %q, %v, want what was set", got, err)
		}
		got[0] = 'Y'
	}
}
