package overlaymount

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name    string
		options string
		facts   Facts
		err     error
		log     []string
		want    string
		says    []string
	}{
		{
			name: "typo", options: writable + ",xuserattrs", err: syscall.EINVAL, log: []string{"e overlay: Unknown parameter 'xuserattrs'\n"},
			want: "unknown-option", says: []string{"did you mean userxattr?", `the kernel says "overlay: Unknown parameter 'xuserattrs'"`, "invalid argument"},
		},
		{
			name: "old kernel", options: "lowerdir+=/a,lowerdir+=/b", err: syscall.EINVAL, log: []string{"e overlay: Unknown parameter 'lowerdir+'"},
			want: "unknown-option", says: []string{"lowerdir+", "Linux 6.8"},
		},
		{name: "unknown", options: writable + ",odd", err: syscall.EINVAL, log: []string{"e overlay: Unknown parameter 'odd'"}, want: "unknown-option", says: []string{"remove it"}},
		{name: "value", options: writable + ",index=2", err: syscall.EINVAL, log: []string{"e overlay: Bad value for 'index'"}, want: "value", says: []string{"on, off"}},
		{name: "value of a flag", options: writable, err: syscall.EINVAL, log: []string{"e overlay: Unexpected value for 'userxattr'"}, want: "value", says: []string{"remove the value"}},
		{
			name: "upper", options: "lowerdir=/a,upperdir=/u,workdir=/w", err: syscall.EINVAL, log: []string{"e overlay: filesystem on /u not supported as upperdir"},
			facts: filesystem("/u", "overlay"), want: "upper-filesystem", says: []string{"gvisor.overlay=sentry"},
		},
		{
			name: "the finding that fits", options: writable + ",metacopy=on,nfs_export=on", err: syscall.EINVAL, log: []string{"e overlay: filesystem on /u is read-only"},
			facts: dirs(edit{"/u": func(d *Directory) { d.ReadOnly = true }}), want: "read-only",
		},
		{name: "no log", options: writable + ",metacopy=on,nfs_export=on", err: syscall.EINVAL, facts: dirs(nil), want: "conflict"},
		{
			name: "a warning is all there is", options: writable + ",userxattr,redirect_dir=off", err: syscall.EINVAL, facts: dirs(nil), want: "conflict?",
			says: []string{"redirect_dir=nofollow"},
		},
		{
			name: "a warning that does not fit", options: writable, err: syscall.EBUSY, want: "in-use?",
			facts: withMounted(submounts("/a"), Mounted{"/m", 0, at("/b"), Identity{}}),
		},
		{name: "twice", options: "lowerdir=/a:/b:/a", err: syscall.ELOOP, facts: dirs(nil), want: "same-directory"},
		{name: "twice, unseen", options: writable, err: syscall.ELOOP, facts: dirs(nil), want: "nested", says: []string{"apart"}},
		{name: "no overlay", options: writable, err: syscall.ENODEV, facts: Facts{Known: true, NoOverlay: "none"}, want: "no-overlay"},
		{name: "nothing known", options: writable, err: syscall.EINVAL, want: "refused", says: []string{"dmesg"}},
		{
			name: "nothing known but the kernel's words", options: writable, err: syscall.EIO, log: []string{"w something new", "", "i more"},
			says: []string{`"something new; more"`, "overlay refused"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _, err := Parse([]string{c.options})
			if err != nil {
				t.Fatal(err)
			}
			err = Explain(m, c.facts, c.err, c.log)
			var r *Refusal
			if !errors.As(err, &r) || !errors.Is(err, c.err) {
				t.Fatalf("%v", err)
			}
			if got := codeWords(r.Findings); got != c.want {
				t.Errorf("found %q, want %q: %v", got, c.want, err)
			}
			var f *Finding
			if errors.As(err, &f) != (c.want != "") {
				t.Errorf("the finding is lost: %v", err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("does not say %q: %v", s, err)
				}
			}
		})
	}
	if err := Explain(Mount{}, Facts{}, nil, []string{"w a warning"}); err != nil {
		t.Errorf("explains a mount that works: %v", err)
	}
}
