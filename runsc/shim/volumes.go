package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kubeletPods is where the kubelet has what belongs to pods. gVisor's shim looks
// there too (pkg/shim/v1/utils/volumes.go:63).
const kubeletPods = "/var/lib/kubelet/pods"

// podVolumes finds the volumes of the pod that a container belongs to.
type podVolumes struct {
	pods        string // the kubelet's directory
	annotations map[string]string
}

// find implements ociconfig.VolumeFunc. The name has no character that means
// something in a path or a pattern.
func (p podVolumes) find(name string) (string, bool, error) {
	uid := p.uid()
	if uid == "" {
		return "", false, nil
	}
	found, err := filepath.Glob(filepath.Join(p.pods, uid, "volumes", "*", name))
	if err != nil {
		return "", false, err
	}
	switch len(found) {
	case 0:
		return "", false, nil
	case 1:
	default:
		return "", false, fmt.Errorf("volume %q of pod %s: %d directories have its name: %s; give the source of the one that is meant", name, uid, len(found), strings.Join(found, ", "))
	}
	// The files of a volume that a CSI driver serves are one level below, where
	// the driver mounts them.
	if filepath.Base(filepath.Dir(found[0])) == "kubernetes.io~csi" {
		if mount := filepath.Join(found[0], "mount"); isDir(mount) {
			return mount, true, nil
		}
	}
	return found[0], isDir(found[0]), nil
}

// uid is the pod's, which containerd's CRI plugin gives, in older versions only
// as the end of a path: NAMESPACE_NAME_UID.
func (p podVolumes) uid() string {
	uid := p.annotations["io.kubernetes.cri.sandbox-uid"]
	if uid == "" {
		dir := filepath.Base(p.annotations["io.kubernetes.cri.sandbox-log-directory"])
		uid = dir[strings.LastIndexByte(dir, '_')+1:]
	}
	if strings.ContainsAny(uid, `/*?[\`) || strings.HasPrefix(uid, ".") {
		return ""
	}
	return uid
}

// isDir does not follow a link: the kubelet makes none.
func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
