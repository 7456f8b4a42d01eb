package containerd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// store starts volumed with a volume "photos" that has a file.
func store(t *testing.T, d *Daemon) {
	t.Helper()
	socket := d.Path("vd.sock")
	d.Write("from the store\n", "store/f")
	daemon := d.Command(t.Context(), "volumed", "serve", "--socket", socket, "--volume", "photos=file://"+d.Path("store"))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait() // a signal
	})
	lab.Eventually(t, "volumed's socket", func() error { _, err := os.Stat(socket); return err })
}

func gofer(t *testing.T, d *Daemon) {
	store(t, d)
	p := d.Pod(t, PodSpec{Handler: "volumed", Volumes: []string{emptyDir + "photos", emptyDir + "other"}, Annotations: map[string]string{key("photos", "gofer"): "blob/photos"}})
	if err := os.WriteFile(p.Volume(emptyDir, "photos", "hidden"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	mounts := []Mount{{Container: "/photos", Host: p.Volume(emptyDir, "photos")}, {Container: "/other", Host: p.Volume(emptyDir, "other")}}
	a := p.Start(t, ContainerSpec{Name: "a", Mounts: mounts})
	b := p.Start(t, ContainerSpec{Name: "b", Mounts: mounts})
	is(t, d.ExecSync(a, "sh", "-c", "ls /photos; cat /photos/f; echo new >/photos/g; sync"), 0, "f\nfrom the store\n")
	is(t, d.ExecSync(b, "cat", "/photos/g"), 0, "new\n")
	suite.HoldsOnly(t, p.Sandbox(t), p.Volume(emptyDir, "other"), p.Volume(emptyDir, "photos"))
	d.verify(t, a, "/photos access: lisafs")
	// The reason of a backend that is away is in the error.
	p.Remove(t)
	p = d.Pod(t, PodSpec{Handler: "volumed", Volumes: []string{emptyDir + "photos"}, Annotations: map[string]string{key("photos", "gofer"): "blob/none"}})
	d.refuses(t, p, ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/photos", Host: p.Volume(emptyDir, "photos")}}},
		`dev.gvisor.spec.mount.photos.gofer="blob/none" (mount "/photos"): backend "blob" does not serve volume "none": `)
}

// A kubelet mounts a subPath by binding it elsewhere.
func subPath(t *testing.T, d *Daemon) {
	p := d.Pod(t, PodSpec{Volumes: []string{emptyDir + "data", emptyDir + "other"}, Annotations: map[string]string{key("data", "directfs"): "off"}})
	sub := filepath.Join(KubeletPods, p.UID, "volume-subpaths/data/a/0")
	d.Lab.Run(t, "mkdir", "-p", sub, p.Volume(emptyDir, "data/sub"))
	d.Lab.Run(t, "mount", "--bind", p.Volume(emptyDir, "data/sub"), sub)
	id := p.Start(t, ContainerSpec{Name: "a", Mounts: []Mount{{Container: "/sub", Host: sub}, {Container: "/other", Host: p.Volume(emptyDir, "other")}}})
	d.directFS(t, id, map[string]bool{"/sub": false, "/other": true})
	is(t, d.ExecSync(id, "touch", "/sub/f"), 0, "")
	if _, err := os.Stat(p.Volume(emptyDir, "data/sub/f")); err != nil {
		t.Error(err)
	}
	suite.HoldsOnly(t, p.Sandbox(t), p.Volume(emptyDir, "other"), p.Volume(emptyDir, "data/sub"))
	d.verify(t, id)
	d.Ask(t, "stopp", p.ID)
	d.Lab.Run(t, "umount", sub)
}

// What the host mounts in a volume later is in the container, with both kinds of
// access, if the container asks for that.
func hostToContainer(t *testing.T, d *Daemon) {
	p := d.Pod(t, PodSpec{Volumes: []string{emptyDir + "on", emptyDir + "off", emptyDir + "private"}, Annotations: map[string]string{key("off", "directfs"): "off"}})
	id := p.Start(t, ContainerSpec{Name: "a", Mounts: []Mount{
		{Container: "/on", Host: p.Volume(emptyDir, "on"), Propagation: HostToContainer},
		{Container: "/off", Host: p.Volume(emptyDir, "off"), Propagation: HostToContainer},
		{Container: "/private", Host: p.Volume(emptyDir, "private")},
	}})
	d.directFS(t, id, map[string]bool{"/on": true, "/off": false, "/private": true})
	for volume, want := range map[string]string{"on": "late\n", "off": "late\n", "private": ""} {
		dir := p.Volume(emptyDir, volume, "mounted")
		d.Lab.Run(t, "mkdir", dir)
		d.Lab.Run(t, "mount", "-t", "tmpfs", "tmpfs", dir)
		d.Lab.Run(t, "touch", dir+"/late")
		is(t, d.ExecSync(id, "ls", "/"+volume+"/mounted"), 0, want)
		// The container's gofer or sentry may have files of it open: without -l
		// the file system would be busy, as with any runtime.
		defer d.Lab.Run(t, "umount", "-l", dir)
	}
	d.verify(t, id)
}
