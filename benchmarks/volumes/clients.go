package volumes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The names of clients that reports are about.
const (
	HostClient = "host"
	OurClient  = "ours"
)

// Clients are all, in the order of the tables. Each has the options that make it
// fast while it still looks at the store at times: what its manual recommends
// for a bucket of which the host has a cache on disk.
var Clients = []Client{
	{Name: HostClient, Store: Local, About: "a directory of the host: the floor"},
	{Name: "rclone", Store: S3, About: "`rclone mount`, VFS cache full",
		programs: []program{rcloneProgram, s3ServerProgram, fuseProgram}, command: rclone},
	{Name: "s3fs", Store: S3, About: "`s3fs` with a cache on disk and of metadata",
		programs: []program{s3fsProgram, s3ServerProgram, fuseProgram}, command: s3fs},
	{Name: "gcsfuse", Store: GCS, About: "`gcsfuse` with its file cache, on a fake GCS server",
		programs: []program{gcsfuseProgram, gcsServerProgram, fuseProgram}, command: gcsfuse},
	ours,
}

// Competitor says whether a client is what one would use instead of ours.
func (c Client) Competitor() bool { return c.command != nil && !c.volumed }

// rclone uploads at once, not five seconds after a file was closed, so that an
// upload is over when the next sample begins.
func rclone(v *Volume) (args, env []string, err error) {
	return []string{v.programs.path(rcloneProgram), "mount", v.store.remote(v.bucket), v.mountPoint(),
		"--cache-dir=" + v.cache(), "--vfs-cache-mode=full", "--vfs-write-back=0s", "--vfs-fast-fingerprint",
		"--vfs-read-chunk-streams=4", "--vfs-read-chunk-size=16M", "--use-server-modtime", "--s3-directory-markers",
		"--dir-cache-time=" + metadataTTL.String(), "--attr-timeout=" + metadataTTL.String(), "--poll-interval=0",
		"--max-read-ahead=1Mi", "--transfers=16", "--allow-other"}, v.store.rcloneConfig(), nil
}

// s3fs keeps pages as long as an object's time and size are the same
// (auto_cache of mount.fuse(8)).
func s3fs(v *Volume) (args, env []string, err error) {
	password := filepath.Join(v.dir, "password")
	if err := os.WriteFile(password, []byte(accessKey+":"+secretKey+"\n"), 0o600); err != nil {
		return nil, nil, err
	}
	options := []string{"url=http://" + v.store.address, "use_path_request_style", "passwd_file=" + password,
		"use_cache=" + v.cache(), "max_stat_cache_size=200000", "stat_cache_expire=" + ttlSeconds(), "enable_noobj_cache",
		"complement_stat", "notsup_compat_dir", "listobjectsv2", "parallel_count=16", "multireq_max=64",
		"auto_cache", "attr_timeout=" + ttlSeconds(), "entry_timeout=" + ttlSeconds(), "negative_timeout=" + ttlSeconds(),
		"allow_other", "umask=022", "mp_umask=022", "dbglevel=err"}
	return []string{v.programs.path(s3fsProgram), v.bucket, v.mountPoint(), "-f", "-o", strings.Join(options, ",")}, nil, nil
}

const gcsfuseConfig = `cache-dir: %s
file-cache:
  max-size-mb: -1
  cache-file-for-range-read: true
  enable-parallel-downloads: true
metadata-cache:
  ttl-secs: %[2]s
  negative-ttl-secs: %[2]s
  stat-cache-max-size-mb: -1
file-system:
  kernel-list-cache-ttl-secs: %[2]s
implicit-dirs: true
enable-hns: false
gcs-auth:
  anonymous-access: true
gcs-connection:
  client-protocol: http1
  custom-endpoint: http://%[3]s/storage/v1/
logging:
  severity: warning
  format: text
`

func gcsfuse(v *Volume) (args, env []string, err error) {
	config := filepath.Join(v.dir, "config.yaml")
	text := fmt.Sprintf(gcsfuseConfig, v.cache(), ttlSeconds(), v.store.address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	return []string{v.programs.path(gcsfuseProgram), "--foreground", "--config-file=" + config, "-o", "allow_other",
		v.bucket, v.mountPoint()}, nil, nil
}
