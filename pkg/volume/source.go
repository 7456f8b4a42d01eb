package volume

import (
	"context"
	"os"
)

// Request says for which mount of which container a volume is asked for. It is
// all that a backend learns of the container.
type Request struct {
	// Volume is the name by which the operator's backends know the volume.
	// Whoever writes a container's spec chooses it; it is a name and never a
	// path or an address.
	Volume string

	// Container and Sandbox are identifiers of the runtime. Containers of a pod
	// share a sandbox. Both are empty where somebody wants to know what a
	// container would get, and there is none.
	Container, Sandbox string

	// Mount is the destination, "/" for the rootfs.
	Mount string

	// ReadOnly is set where the mount is read-only.
	ReadOnly bool

	// Exclusive is set where the sandbox caches as if nobody else changed the
	// files.
	Exclusive bool
}

// Source is a volume that has a name and is not open yet.
type Source struct {
	// ReadOnly is set where the volume cannot be written. A mount that is not
	// read-only is refused then.
	ReadOnly bool

	// DonatesRoot is set where the volume that Open returns is a RootDonor.
	DonatesRoot bool

	// Check, if not nil, says whether opening would succeed. It is called before
	// anything of the container is started.
	Check func(ctx context.Context) error

	// Files, if not nil, opens what the volume needs of the host: an archive, a
	// directory. It is called while the process still sees the host's files.
	Files func(ctx context.Context) ([]*os.File, error)

	// Open opens the volume. It is called in the process that serves it, gets
	// what Files returned, and owns that from then on. In a gofer, no path leads
	// to the host's files any more.
	Open func(ctx context.Context, files []*os.File) (Volume, error)
}

// open opens the volume where the host's files are still there.
func (s Source) open(ctx context.Context) (Volume, error) {
	if s.Files == nil {
		return s.Open(ctx, nil)
	}
	files, err := s.Files(ctx)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, files)
}

// Resolver finds the volume that a request names. It decides whether that
// container may have it, and returns soon: it opens nothing. An unknown name is
// fs.ErrNotExist, a refusal fs.ErrPermission; the text is shown to whoever
// starts the container.
type Resolver func(ctx context.Context, r Request) (Source, error)

// Backend serves volumes from within the gofer process of every container that
// asks for one, for sources on the same machine. It has no network: what needs
// one belongs in a process of its own, see [Serve].
type Backend struct {
	// Name is the first part of the hint gofer=NAME/VOLUME.
	Name string

	// Resolve finds the volumes. It is called in the command that creates a
	// container and in the gofer; it does no more than look.
	Resolve Resolver

	// Syscalls names the system calls that the backend makes while it serves,
	// beside those that every gofer may make. Others fail with EROFS or kill the
	// gofer.
	Syscalls []string
}
