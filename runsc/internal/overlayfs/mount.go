// Package overlayfs mounts overlays with the calls of fsopen(2).
package overlayfs

import (
	"fmt"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

type Layer struct {
	Role overlaymount.Role
	FD   int
}
type Spec struct {
	Source  string
	Layers  []Layer
	Options []overlaymount.Option
}

func Mount(s Spec) (int, error) {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	set := func(k, v string) {
		if err == nil {
			if err = unix.FsconfigSetString(fs, k, v); err != nil {
				err = fmt.Errorf("%s=%s: %w", k, v, err)
			}
		}
	}
	set("source", s.Source)
	for _, l := range s.Layers {
		k := string(l.Role)
		if l.Role == overlaymount.Lower || l.Role == overlaymount.Data {
			k += "+"
		}
		set(k, fmt.Sprintf("/proc/self/fd/%d", l.FD))
	}
	for _, o := range s.Options {
		if o.HasValue {
			set(o.Key, o.Value)
		} else if err == nil {
			err = unix.FsconfigSetFlag(fs, o.Key)
		}
	}
	if err == nil {
		err = unix.FsconfigCreate(fs)
	}
	if err != nil {
		b := make([]byte, 4096)
		n, _ := unix.Read(fs, b)
		return -1, fmt.Errorf("%w: %s", err, b[:max(n, 0)])
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
}
