// Package volumes has the volumes of the end-to-end tests, for a runtime that
// serves them itself and for a daemon. DIR is a directory of the test.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/hostdir"
	"github.com/directfs/runsc/pkg/volume/memory"
)

// Resolver finds, by the first part of the name:
//
//	memory-X     a tree in memory
//	host-X       DIR/X, not donated
//	squashed-X   DIR/X, whose files seem to be root's
//	donated-X    DIR/X, which the sandbox may open itself
//	readonly-X   DIR/X, which nobody can write
//	late-X       DIR/X, in which looking up "slow" writes a byte to the FIFO
//	             DIR/X.at, and goes on when there is one in DIR/X.go
//	slow-X       DIR/X, which takes longer to open than a client may take to ask
//	broken-X     cannot be opened
//	private-X    for nobody
func Resolver(dir string) volume.Resolver {
	return func(_ context.Context, r volume.Request) (volume.Source, error) {
		kind, name, _ := strings.Cut(r.Volume, "-")
		path := filepath.Join(dir, name)
		host := func(o hostdir.Options, wrap func(volume.Writable) volume.Volume) volume.Source {
			return volume.Source{
				Files: func(context.Context) ([]*os.File, error) {
					f, err := os.Open(path)
					return []*os.File{f}, err
				},
				Open: func(_ context.Context, files []*os.File) (volume.Volume, error) {
					defer files[0].Close()
					v, err := hostdir.OpenFile(files[0], o)
					if err != nil {
						return nil, err
					}
					return wrap(v), nil
				},
			}
		}
		hidden := func(v volume.Writable) volume.Volume { return v }
		switch kind {
		case "memory":
			return volume.Source{Open: func(context.Context, []*os.File) (volume.Volume, error) { return memory.New(memory.Options{}), nil }}, nil
		case "host":
			return host(hostdir.Options{}, hidden), nil
		case "squashed":
			return host(hostdir.Options{Squash: &hostdir.Owner{}}, hidden), nil
		case "donated":
			s := host(hostdir.Options{}, hidden)
			s.DonatesRoot = true
			return s, nil
		case "readonly":
			s := host(hostdir.Options{}, func(v volume.Writable) volume.Volume { return readOnly{v} })
			s.ReadOnly = true
			return s, nil
		case "slow":
			s := host(hostdir.Options{}, hidden)
			open := s.Open
			s.Open = func(ctx context.Context, files []*os.File) (volume.Volume, error) {
				time.Sleep(volume.DefaultServeOptions.RequestTimeout + time.Second)
				return open(ctx, files)
			}
			return s, nil
		case "late":
			return lateSource(path), nil
		case "broken":
			return volume.Source{
				Check: func(context.Context) error { return nil },
				Open: func(context.Context, []*os.File) (volume.Volume, error) {
					return nil, errors.New("the store is on fire")
				},
			}, nil
		case "private":
			return volume.Source{}, fmt.Errorf("volume %q is not for container %q: %w", r.Volume, r.Container, fs.ErrPermission)
		}
		return volume.Source{}, fmt.Errorf("no volume %q: %w", r.Volume, fs.ErrNotExist)
	}
}

// readOnly hides what only a writable volume has.
type readOnly struct{ volume.Volume }

// late is a volume with calls that take long.
type late struct {
	volume.Writable
	at, proceed *os.File
}

func lateSource(path string) volume.Source {
	return volume.Source{
		Files: func(context.Context) ([]*os.File, error) {
			dir, err1 := os.Open(path)
			at, err2 := os.OpenFile(path+".at", os.O_RDWR, 0)
			proceed, err3 := os.OpenFile(path+".go", os.O_RDWR, 0)
			return []*os.File{dir, at, proceed}, errors.Join(err1, err2, err3)
		},
		Open: func(_ context.Context, files []*os.File) (volume.Volume, error) {
			defer files[0].Close()
			v, err := hostdir.OpenFile(files[0], hostdir.Options{})
			return late{v, files[1], files[2]}, err
		},
	}
}

// Lookup implements volume.Volume.
func (l late) Lookup(ctx context.Context, dir volume.ID, name string) (volume.Attr, error) {
	if name == "slow" {
		one := make([]byte, 1) // whatever the deadline
		if _, err := l.at.Write(one); err != nil {
			return volume.Attr{}, err
		}
		if _, err := l.proceed.Read(one); err != nil {
			return volume.Attr{}, err
		}
	}
	return l.Writable.Lookup(ctx, dir, name)
}
