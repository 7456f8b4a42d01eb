// Package kubernetes tests the admission webhook and the manifests against a real
// kube-apiserver with a real etcd. There is no kubelet and no controller: what
// these would do with the manifests, the test does (see cluster.mount).
package kubernetes
