package volumes

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
)

// daemonName is how the runtime's flag and the mount option name our daemon.
const daemonName = "s3"

// ours is volumed. The container has its volume as a mount of its own, not by
// way of the host's kernel.
var ours = Client{Name: OurClient, Store: S3, About: "`volumed`, this project's daemon", programs: []program{s3ServerProgram},
	volumed: true, command: volumed}

func volumed(v *Volume) (args, env []string, err error) {
	url := "s3://" + v.bucket + "?endpoint=http://" + v.store.address + "&region=" + region + "&use_path_style=true&disable_https=true"
	settings, err := json.Marshal(map[string]any{"volumes": map[string]any{
		v.bucket: map[string]any{"url": url, "list-ttl": metadataTTL.String(), "cache-object-size": "1GiB"},
	}})
	if err != nil {
		return nil, nil, err
	}
	config := filepath.Join(v.dir, "volumed.json")
	// Caches are in a directory that is empty at every start.
	return []string{v.programs.Volumed, "serve", "--socket", v.socket(), "--config", config, "--state-dir", filepath.Join(v.cache(), "state")},
		[]string{"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey}, os.WriteFile(config, settings, 0o600)
}

func (v *Volume) socket() string { return filepath.Join(v.dir, "socket") }

func (v *Volume) volumedServes() (bool, error) {
	c, err := net.Dial("unixpacket", v.socket())
	if err != nil {
		return false, nil
	}
	return true, c.Close()
}

// DirectFS says whether the container has the volume with directfs.
func (v *Volume) DirectFS() bool { return !v.client.volumed }

// Flags are global flags of the runtime that the volume needs.
func (v *Volume) Flags() []string {
	if !v.client.volumed {
		return nil
	}
	return []string{"--volume-daemon=" + daemonName + "=unix:" + v.socket()}
}

// Options are mount options that the volume needs.
func (v *Volume) Options() []string {
	if !v.client.volumed {
		return nil
	}
	return []string{"gofer=" + daemonName + "/" + v.bucket}
}
