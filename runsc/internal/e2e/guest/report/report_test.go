package report

import "testing"

func TestParseMounts(t *testing.T) {
	const table = `none / 9p rw,trans=fd,directfs 0 0
none /with\040space tmpfs ro 0 0
short line
none / 9p rw,trans=fd 0 0
`
	r := Report{Mounts: ParseMounts(table)}
	if len(r.Mounts) != 3 {
		t.Fatalf("got %d mounts, want 3: %+v", len(r.Mounts), r.Mounts)
	}
	if !r.Mounts[0].Has("directfs") || r.Mounts[0].Has("direct") {
		t.Errorf("options of %+v are not matched as whole words", r.Mounts[0])
	}
	if m, ok := r.Mount("/"); !ok || m.Has("directfs") {
		t.Errorf("Mount(/) = %+v, %v, want the last mount, without directfs", m, ok)
	}
	if m, ok := r.Mount("/with space"); !ok || m.Type != "tmpfs" {
		t.Errorf("Mount(/with space) = %+v, %v, want a tmpfs", m, ok)
	}
	if m, ok := r.Mount("/none"); ok {
		t.Errorf("Mount(/none) = %+v, want none", m)
	}
}
