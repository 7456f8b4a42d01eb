package layout

import (
	"errors"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

// Check refuses a container in which links of the image bring two mounts
// together that must not be, before anything is started. The gofer looks again,
// at the files that it serves. What this process cannot open is left to it. The
// error joins all that is refused.
func Check(plan directfspolicy.Plan) error {
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	var l *Layout
	var errs []error
	for i, d := range plan.Decisions() {
		if d.Access == directfspolicy.NoAccess && i > 0 {
			continue
		}
		m, err := openMount(d)
		if err != nil {
			break
		}
		if m.Root != NoRoot {
			fds = append(fds, m.Root)
		}
		if i == 0 {
			l = New(m, false)
			continue
		}
		if _, _, err := l.Add(m); errors.Is(err, ErrOnePlace) || errors.Is(err, ErrHidden) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func openMount(d directfspolicy.Decision) (Mount, error) {
	if d.ServedByVolume() || d.Union != nil {
		return Mount{Decision: d, Root: NoRoot, Directory: true}, nil
	}
	if len(d.Sources) == 0 {
		return Mount{}, unix.ENOENT
	}
	fd, err := unix.Open(d.Sources[0].Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return Mount{}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Mount{}, errors.Join(err, unix.Close(fd))
	}
	return Mount{Decision: d, Root: fd, Directory: st.Mode&unix.S_IFMT == unix.S_IFDIR}, nil
}
