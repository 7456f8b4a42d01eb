package harness

import (
	"strings"
	"testing"
)

// The guest's commands, with both ways of serving a mount.
func TestGuestCommands(t *testing.T) {
	l := NewLab(t)
	for _, flag := range []string{"--directfs=true", "--directfs=false"} {
		t.Run(flag, func(t *testing.T) {
			b := l.Bundle(t, Mount("/data"), FileMount("/motd", "hello\n"), Mount("/ro", "ro"), Args("serve"))
			c := l.ServeWith(t, l.With(flag), b)
			for _, step := range []struct{ args, want string }{
				{"ops /data", `{"dir":"/data","ok":true}`},
				{"roops /ro", ""},
				{"mounts", `"mount":"/data","type":"9p"`},
				{"demo", "/motd "},
				{"write /data/w text", ""},
				{"own /data/w 12 34", ""},
				{"stat /data/w", `{"gid":34,"mode":"-rw-r--r--","perm":"0644","size":5,"uid":12}`},
				{"cat /data/w", "text\n"},
				{"cat /motd", "hello\n"},
			} {
				res, err := c.Exec(Context(t), strings.Fields(step.args)...)
				if err == nil {
					err = res.Err()
				}
				if err != nil || !strings.Contains(res.Stdout, step.want) {
					t.Errorf("guest %s: %q, %v, want %q", step.args, res.Stdout, err, step.want)
				}
			}
			// The commands fail where they should.
			for _, args := range []string{"roops /data", "ops /ro", "cat /none"} {
				if res, err := c.Exec(Context(t), strings.Fields(args)...); err != nil || res.ExitCode != 1 {
					t.Errorf("guest %s: %+v, %v, want exit code 1", args, res, err)
				}
			}
			if err := c.Stop(Context(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUserNamespaceOfTheSpec(t *testing.T) {
	l := NewLab(t)
	c := l.Serve(t, l.Bundle(t, UserNS(100000, 65536), Mount("/data"), Args("serve", "/", "/data")))
	r, err := c.Report(Context(t))
	if err != nil || !r.Ops[0].OK || !r.Ops[1].OK {
		t.Errorf("report %+v, %v", r.Ops, err)
	}
	maps, err := UIDMap(c.SandboxPID)
	if err != nil || len(maps) != 1 || maps[0] != (IDMap{0, 100000, 65536}) {
		t.Errorf("uid map %v, %v", maps, err)
	}
	if err := c.Stop(Context(t)); err != nil {
		t.Error(err)
	}
}
