// Redpanda Connect without its enterprise parts.
package main

import (
	"context"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/redpanda-data/connect/v4/public/plugin/go/rpcnloader"

	_ "github.com/lib/pq"
	_ "github.com/redpanda-data/connect/v4/public/components/doris"
	_ "github.com/redpanda-data/connect/v4/public/components/io"
	_ "github.com/redpanda-data/connect/v4/public/components/kafka"
	_ "github.com/redpanda-data/connect/v4/public/components/prometheus"
	_ "github.com/redpanda-data/connect/v4/public/components/pure"
	_ "github.com/redpanda-data/connect/v4/public/components/pure/extended"
	_ "github.com/redpanda-data/connect/v4/public/components/sql/base"
)

// The manifests of plugins, separated by commas: in RPC_PLUGINS, or in --rpc-plugins as for the official program's run.
func main() {
	manifests := os.Getenv("RPC_PLUGINS")
	os.Args = slices.DeleteFunc(os.Args, func(arg string) bool {
		value, found := strings.CutPrefix(arg, "--rpc-plugins=")
		if found {
			manifests = value
		}
		return found
	})
	if manifests != "" {
		if err := rpcnloader.DiscoverAndRegisterPlugins(service.OSFS(), service.GlobalEnvironment(), strings.Split(manifests, ",")); err != nil {
			log.Fatal(err)
		}
	}
	service.RunCLI(context.Background())
}
