package overlaymount

import "strings"

func join(all []string) string { return strings.Join(all, ", ") }

// conflicts are the pairs of options that the kernel refuses
// (ovl_fs_params_verify in fs/overlayfs/params.c) and says so in its own log only.
// An option that is left out adapts itself.
func (c *checker) conflicts() {
	upper := c.m.Upper != ""
	user, redirect := c.m.UserXattr(), c.set(redirectDir)
	meta, export := c.set(metacopy) == "on", c.set(nfsExport) == "on"

	// In an overlay without upper layer, to follow redirects is all that is done
	// with them, and "off" can mean that.
	follows := redirect == "on" || !upper && (redirect == "follow" || redirect == "off")
	if meta && redirect != "" && !follows {
		c.conflict(metacopy+"=on", redirectDir+"="+redirect, "metacopy needs redirect_dir=on")
	}
	if export && c.set(index) == "off" && (upper || redirect == "nofollow") {
		c.conflict(nfsExport+"=on", index+"=off", "nfs_export needs index=on")
	}
	if export && meta && upper {
		c.conflict(nfsExport+"=on", metacopy+"=on", "no kernel exports files without their data")
	}
	if user {
		c.withUserXattr(redirect, meta)
	}
}

// withUserXattr are the conflicts of userxattr: whoever owns the files could
// otherwise redirect to anything that the mounter can read.
func (c *checker) withUserXattr(redirect string, meta bool) {
	why := "userxattr allows neither redirects nor metacopy"
	if c.f.UserNamespace {
		why = "in a user namespace the overlay needs userxattr, which allows neither redirects nor metacopy"
	}
	switch redirect {
	case "on", "follow":
		c.conflict(userXattr, redirectDir+"="+redirect, why)
	case "off":
		// It means follow or nofollow: the module's parameter
		// redirect_always_follow, which is on unless somebody turned it off.
		c.add(Finding{
			Code: CodeConflict, Option: redirectDir + "=off", Problem: "means to follow redirects on most kernels, and " + why,
			Fix: "write redirect_dir=nofollow", Warning: true,
		})
	}
	if meta {
		c.conflict(userXattr, metacopy+"=on", why)
	}
	if v := c.set(verity); v != "" && v != "off" {
		c.add(Finding{
			Code: CodeConflict, Option: verity + "=" + v, Problem: "does nothing with userxattr, and older kernels refuse both",
			Fix: "remove one of them", Warning: true,
		})
	}
}

func (c *checker) conflict(one, other, why string) {
	c.add(Finding{Code: CodeConflict, Option: other, Problem: "conflicts with " + one + ": " + why, Fix: "remove one of them"})
}

// set is the value of an option, as far as it is one that the option takes. Empty:
// it is not set.
func (c *checker) set(key string) string {
	o, _ := c.m.Last(key)
	return o.Value
}
