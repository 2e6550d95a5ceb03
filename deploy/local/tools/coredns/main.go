// CoreDNS with the plugins that the embedded cluster needs and no others: the stock program also links every cloud's
// client libraries, which take a quarter of an hour to compile.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/rewrite"
)

func main() {
	// The order in which plugins see a query; the stock program sets it in a generated file that is not imported here.
	dnsserver.Directives = []string{
		"reload", "bind", "health", "ready", "errors", "cache", "rewrite", "kubernetes", "forward",
	}
	coremain.Run()
}
