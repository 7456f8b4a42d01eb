package overlaymount

// sentryIgnores are the options, beside userxattr, that change nothing for the
// sentry's overlay: it does none of this, or does it anyhow. It refuses every
// option that it does not know, so whoever mounts must leave these out.
var sentryIgnores = words(
	"default_permissions", volatile, "nooverride_creds", "override_creds",
	redirectDir+"=off", redirectDir+"=nofollow", index+"=off", nfsExport+"=off", metacopy+"=off", verity+"=off",
	"xino=off", "xino=auto", "uuid=off", "uuid=null", "uuid=auto", "fsync=auto", "fsync=strict", "fsync=volatile",
)

// sentry is what the sentry's overlay cannot do, by the options
// (pkg/sentry/fsimpl/overlay in gVisor).
func (c *checker) sentry() {
	for _, d := range c.m.Data {
		c.add(Finding{
			Code: CodeSentryOption, Option: string(Data), Path: d, Problem: "is a data-only layer, which the sentry driver does not have",
			Fix: "use the host driver (gvisor.overlay=host)",
		})
	}
	for _, o := range c.m.Options {
		if o.Key == userXattr || sentryIgnores[o.String()] || c.said(o) {
			continue
		}
		c.add(Finding{
			Code: CodeSentryOption, Option: o.String(), Problem: "cannot be done by the sentry driver",
			Fix: "remove it, or use the host driver (gvisor.overlay=host)",
		})
	}
}

// said tells whether something is found about an option already.
func (c *checker) said(o Option) bool {
	for _, f := range c.findings {
		if f.Option == o.Key || f.Option == o.String() {
			return true
		}
	}
	return false
}
