//! Names that people use for libraries and that no comparison of letters finds.

/// What a name stands for, both as lower-case letters and digits only; several are tried in their order.
#[must_use]
pub fn aliases(name: &str) -> &'static [&'static str] {
    match name {
        "k8s" | "kube" => &["kubernetes"],
        "sklearn" => &["scikitlearn"],
        "skimage" => &["scikitimage"],
        "cv2" | "opencvpython" | "cv" => &["opencv", "opencvpython"],
        "pil" => &["pillow"],
        "bs4" | "beautifulsoup4" | "soup" => &["beautifulsoup", "beautifulsoup4"],
        "np" => &["numpy"],
        "pd" => &["pandas"],
        "plt" | "pyplot" | "mpl" => &["matplotlib"],
        "sns" => &["seaborn"],
        "tf" | "tensorflow2" => &["tensorflow", "terraform"],
        "torch" => &["pytorch"],
        "hf" | "huggingface" => &["transformers", "huggingfacetransformers"],
        "xgb" => &["xgboost"],
        "lgbm" => &["lightgbm"],
        "st" => &["streamlit"],
        "pyyaml" | "yaml" => &["pyyaml"],
        "dotenv" => &["dotenv", "pythondotenv"],
        "dateutil" => &["dateutil", "pythondateutil"],
        "jwt" => &["pyjwt", "jsonwebtoken"],
        "r3f" | "reactthree" => &["reactthreefiber"],
        "drei" => &["drei", "reactthreedrei"],
        "drf" | "restframework" => &["djangorestframework"],
        "rn" => &["reactnative"],
        "rtk" => &["reduxtoolkit"],
        "rtl" => &["reacttestinglibrary"],
        "rhf" => &["reacthookform"],
        "reactquery" | "rq" => &["tanstackquery"],
        "reacttable" => &["tanstacktable"],
        "authjs" => &["nextauth", "nextauthjs"],
        "mui" => &["materialui"],
        "antd" => &["antdesign"],
        "tw" | "tailwind" | "twcss" => &["tailwindcss"],
        "shadcn" => &["shadcnui"],
        "styled" => &["styledcomponents"],
        "vue3" | "vue2" => &["vue", "vuejs"],
        "ng" | "ngx" => &["angular"],
        "cra" => &["createreactapp"],
        "ts" => &["typescript"],
        "js" | "ecmascript" => &["javascript"],
        "py" => &["python"],
        "golang" => &["go"],
        "rb" => &["ruby"],
        "cs" | "csharp" => &["dotnet", "csharp"],
        "node" => &["nodejs", "node"],
        "pg" => &["nodepostgres", "postgresql"],
        "pgnode" | "nodepg" => &["nodepostgres"],
        "postgres" | "psql" => &["postgresql", "postgres"],
        "psycopg" => &["psycopg", "psycopg2"],
        "mongo" => &["mongodb"],
        "es" | "elastic" => &["elasticsearch"],
        "rabbit" => &["rabbitmq"],
        "mq" => &["rabbitmq"],
        "gql" => &["graphql"],
        "apollo" => &["apolloclient", "apolloserver"],
        "ror" | "rails" | "rubyrails" => &["rubyonrails", "rails"],
        "ef" | "efcore" | "entityframework" => &["entityframeworkcore", "efcore"],
        "aspnet" | "aspnetcore" | "asp" => &["aspnetcore"],
        "docker" => &["moby", "docker"],
        "compose" => &["dockercompose"],
        "gha" => &["githubactions"],
        "cdk" => &["awscdk"],
        "awssdkpython" | "awspythonsdk" | "awspython" => &["boto3"],
        "awssdkjs" | "awssdkjavascript" | "awssdknode" => &["awssdkjsv3", "awssdkjs"],
        "claudeapi" | "claude" | "claudesdk" => &["anthropicsdk", "anthropic"],
        "claudeapipython" | "claudepython" | "anthropicpython" | "anthropic" => &["anthropicsdkpython", "anthropicsdk"],
        "gpt" | "chatgpt" | "openaiapi" => &["openai"],
        "11ty" => &["eleventy"],
        "d3js" => &["d3"],
        "jq" => &["jq", "jquery"],
        "lodashjs" => &["lodash"],
        "wp" => &["wordpress"],
        "sf" => &["symfony"],
        "sequelizejs" => &["sequelize"],
        "springboot" | "spring" => &["springboot", "springframework"],
        "junit" => &["junit5", "junit"],
        "pyspark" | "spark" => &["apachespark", "spark"],
        "airflow" | "kafka" | "cassandra" | "flink" | "beam" | "arrow" => match name {
            "airflow" => &["apacheairflow"],
            "kafka" => &["apachekafka"],
            "cassandra" => &["apachecassandra"],
            "flink" => &["apacheflink"],
            "beam" => &["apachebeam"],
            _ => &["apachearrow"],
        },
        "nvim" => &["neovim"],
        "vscode" => &["visualstudiocode", "vscode"],
        "gtk" => &["gtk4", "gtk"],
        "godotengine" => &["godot"],
        "ue" | "ue5" => &["unrealengine"],
        "argo" | "argocd" => &["argocd"],
        "prom" => &["prometheus"],
        "otel" => &["opentelemetry"],
        "sb" => &["supabase", "storybook"],
        "cf" | "workers" | "wrangler" => &["cloudflareworkers", "cloudflareworkerssdk", "workerssdk"],
        "lc" => &["langchain"],
        "langchainjs" => &["langchainjs"],
        "llamaindex" | "gptindex" => &["llamaindex"],
        "mcp" => &["modelcontextprotocol"],
        "rxjava" => &["rxjava"],
        "rx" => &["rxjs"],
        "wc" => &["webcomponents"],
        "sqla" | "alchemy" => &["sqlalchemy"],
        "actix" => &["actixweb"],
        "serdejson" => &["serdejson", "serde"],
        _ => &[],
    }
}

/// Words that say of what kind or ecosystem a library is, not which it is.
#[must_use]
pub fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "library"
            | "lib"
            | "sdk"
            | "orm"
            | "js"
            | "javascript"
            | "ts"
            | "typescript"
            | "python"
            | "py"
            | "rs"
            | "rust"
            | "golang"
            | "go"
            | "java"
            | "kotlin"
            | "php"
            | "ruby"
            | "elixir"
            | "css"
            | "node"
            | "nodejs"
            | "npm"
            | "pip"
            | "crate"
            | "package"
            | "framework"
            | "docs"
            | "documentation"
            | "api"
            | "test"
            | "testing"
            | "validation"
            | "dataframe"
            | "app"
            | "router"
            | "latest"
            | "official"
            | "guide"
            | "reference"
            | "the"
            | "for"
            | "in"
            | "with"
            | "aws"
            | "database"
            | "client"
            | "server"
            | "components"
            | "ui"
            | "hooks"
    )
}
