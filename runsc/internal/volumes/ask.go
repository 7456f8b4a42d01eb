package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"golang.org/x/sys/unix"
)

// OpenTimeout is how long a volume may take to open, and askTimeout how long a
// backend or daemon may take to say what it has: the user waits for the container.
const (
	OpenTimeout = time.Minute
	askTimeout  = 10 * time.Second
)

// Gofers are the backends and daemons, for hints of a container to name. The
// identifiers are empty where there is no container.
func Gofers(container, sandbox string) map[string]ociconfig.GoferFunc {
	all := map[string]ociconfig.GoferFunc{}
	add := func(name string, ask func(context.Context, volume.Request) (directfspolicy.Gofer, error)) {
		var stuck error // who does not answer once is not asked again
		all[name] = func(q ociconfig.GoferQuery) (g directfspolicy.Gofer, err error) {
			if stuck != nil {
				return g, fmt.Errorf("not asked after this: %w", stuck)
			}
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			g, err = ask(ctx, volume.Request{
				Volume: q.Name.Volume, Container: container, Sandbox: sandbox, Mount: q.Mounts[0], ReadOnly: q.ReadOnly,
			})
			if ctx.Err() != nil {
				stuck = err
			}
			return g, err
		}
	}
	for name, b := range registered.backends {
		add(name, func(ctx context.Context, r volume.Request) (directfspolicy.Gofer, error) {
			return askBackend(ctx, b, r)
		})
	}
	for name, a := range registered.daemons {
		add(name, func(ctx context.Context, r volume.Request) (directfspolicy.Gofer, error) {
			i, err := handoff.Ask(ctx, a, request(r))
			return directfspolicy.Gofer{ReadOnly: i.ReadOnly, DonatesRoot: i.DonatesRoot, Outside: true}, err
		})
	}
	return all
}

func askBackend(ctx context.Context, b volume.Backend, r volume.Request) (directfspolicy.Gofer, error) {
	source, err := b.Resolve(ctx, r)
	if err != nil {
		return directfspolicy.Gofer{}, err
	}
	if source.Check != nil {
		if err := source.Check(ctx); err != nil {
			return directfspolicy.Gofer{}, err
		}
	}
	return directfspolicy.Gofer{ReadOnly: source.ReadOnly, DonatesRoot: source.DonatesRoot}, nil
}

func request(r volume.Request) handoff.Request {
	return handoff.Request{Volume: r.Volume, Container: r.Container, Sandbox: r.Sandbox, Mount: r.Mount, ReadOnly: r.ReadOnly, Exclusive: r.Exclusive}
}

// Request is what a volume's server learns of a mount.
func Request(d directfspolicy.Decision, container, sandbox string, readOnly bool) volume.Request {
	return volume.Request{
		Volume: d.Gofer.Volume, Container: container, Sandbox: sandbox, Mount: d.Mount,
		ReadOnly: readOnly, Exclusive: d.Cache == directfspolicy.CacheExclusive,
	}
}

// ErrTooMany: daemons serve more mounts of a container than its gofer can be
// given connections for.
var ErrTooMany = errors.New("too many mounts are served by volume daemons")

// Check fails with ErrTooMany for a Plan for which Connect would be in vain.
func Check(plan directfspolicy.Plan) error {
	n := Connections(plan)
	if n > supervise.MaxFiles {
		return fmt.Errorf("%w: %d, and a container can have %d; give it fewer mounts, or volumes with more in them", ErrTooMany, n, supervise.MaxFiles)
	}
	return nil
}

// Connections is how many connections Connect makes.
func Connections(plan directfspolicy.Plan) (n int) {
	for _, d := range plan.Decisions() {
		if d.Outside {
			n++
		}
	}
	return n
}

// Connect connects to the daemon of every mount that one serves, in the Plan's
// order, for the gofer: its own user namespace may keep it from doing so. The
// error names the mount.
func Connect(plan directfspolicy.Plan) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			files = nil
		}
	}()
	if err := Check(plan); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	for _, d := range plan.Decisions() {
		if !d.Outside {
			continue
		}
		f, err := connect(ctx, d.Gofer)
		if err != nil {
			return files, fmt.Errorf("mount %q: %w", d.Mount, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func connect(ctx context.Context, name directfspolicy.GoferName) (*os.File, error) {
	a, ok := registered.daemons[name.Backend]
	if !ok {
		return nil, fmt.Errorf("gofer %v: no daemon %q is registered now; give the runtime --volume-daemon=%s=unix:PATH as when the container was created", name, name.Backend, name.Backend)
	}
	c, err := handoff.Connect(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("gofer %v: %w", name, err)
	}
	defer c.Close()
	return c.File()
}

// Attach lets a daemon serve a mount: by the volume's root directory, which is
// returned, or else by the mount's socket. The volume is in use as long as the
// connection is open. Everything stays the caller's.
func Attach(connection *os.File, r volume.Request, donates bool, socket *os.File) (root *os.File, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), OpenTimeout)
	defer cancel()
	fd, err := unix.FcntlInt(connection.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("keeping the connection to the daemon: %w", err)
	}
	c, err := handoff.NewConn(handoff.Address{}, os.NewFile(uintptr(fd), connection.Name()))
	if err != nil {
		return nil, reason(err)
	}
	defer c.Close()
	if donates {
		root, err = c.AttachRoot(ctx, request(r))
	} else {
		err = c.Attach(ctx, request(r), socket)
	}
	return root, reason(err)
}

// reason is a daemon's error without the address of its socket, which a gofer
// does not know.
func reason(err error) error {
	var e *handoff.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%s: %s", e.Kind, e.Text)
	}
	return err
}
