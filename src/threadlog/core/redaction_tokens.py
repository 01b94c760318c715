"""The forms of keys and tokens that services give out: a table, one line each.

A token stands as it is made: its literal is looked for in long words only, in this case of
letters, and the rest of it is tried from there.
"""

from __future__ import annotations

from typing import NamedTuple

_W = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
_HEX = "[0-9a-f]"
# What a terminal or an editor that is narrow puts on the next line.
_ON = r"(?:\\?\r?\n(?=[A-Za-z_.-]{0,40}[0-9])[A-Za-z0-9_.-]{30,}+(?=[\s\"'`\\]|\Z)){0,9}"
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Form(NamedTuple):
    """One form: the rule's name, the literals that it begins with, and all of it."""

    name: str
    literals: str
    pattern: str


# The order counts: of two that fit the first one names what is found.
FORMS: tuple[Form, ...] = (
    # models
    Form("anthropic-key", "sk-ant-", rf"sk-ant-{_W}{{20,}}+"),
    Form("openrouter-key", "sk-or-v1-", rf"sk-or-v1-{_A}{{32,}}+"),
    Form("langfuse-key", "sk-lf-", rf"sk-lf-{_UUID}"),
    Form(
        "openai-key",
        "sk-",
        rf"sk-(?:(?:proj|svcacct|admin|service|None)-{_W}{{20,}}+{_ON}|{_A}{{20,}}+(?!{_W}))",
    ),
    Form("huggingface-token", "hf_ api_org_", rf"(?:hf|api_org)_{_A}{{30,}}+(?!_)"),
    Form("groq-key", "gsk_", rf"gsk_{_A}{{40,}}+"),
    Form("xai-key", "xai-", rf"xai-{_A}{{60,}}+"),
    Form("perplexity-key", "pplx-", rf"pplx-{_A}{{32,}}+"),
    Form("replicate-token", "r8_", rf"r8_{_A}{{32,}}+"),
    Form("langsmith-key", "lsv2_", rf"lsv2_(?:pt|sk)_{_HEX}{{32}}_{_HEX}{{10}}"),
    Form("nvidia-key", "nvapi-", rf"nvapi-{_W}{{40,}}+"),
    # code and packages
    Form("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{36,}+"),
    Form("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"gh[pousr]_{_A}{{30,}}+(?!_)"),
    Form(
        "gitlab-token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glagent- gloas-",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|agent|oas)-[A-Za-z0-9_.-]{20,}+",
    ),
    Form("gitlab-runner-token", "GR1348941", rf"GR1348941{_W}{{20,}}+"),
    Form("npm-token", "npm_", rf"npm_{_A}{{36,}}+(?!_)"),
    Form("pypi-token", "pypi-AgE", rf"pypi-AgE{_W}{{40,}}+"),
    Form("rubygems-key", "rubygems_", rf"rubygems_{_HEX}{{48}}"),
    Form("crates-token", "cio", rf"cio{_A}{{32}}(?!{_W})"),
    Form("nuget-key", "oy2", r"oy2[a-z0-9]{43}(?![A-Za-z0-9])"),
    Form("clojars-token", "CLOJARS_", rf"CLOJARS_{_A}{{60}}"),
    Form("docker-token", "dckr_pat_ dckr_oat_", rf"dckr_[po]at_{_W}{{27,}}+"),
    Form("atlassian-token", "ATATT3 ATCTT3 ATBB", r"AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{28,}+"),
    Form("linear-key", "lin_api_ lin_oauth_", rf"lin_(?:api|oauth)_{_A}{{32,}}+"),
    Form("postman-key", "PMAK-", rf"PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),
    Form("sourcegraph-token", "sgp_", rf"sgp_(?:(?:local|{_HEX}{{16}})_)?{_HEX}{{40}}"),
    Form("figma-token", "figd_ figo_ figu_ figor_", rf"fig(?:d|o|or|u)_{_W}{{36,}}+"),
    Form("notion-token", "ntn_ secret_", rf"(?:ntn_{_A}{{40,}}+|secret_{_A}{{43}}(?!{_W}))"),
    Form("airtable-token", "pat", rf"pat{_A}{{14}}\.{_HEX}{{64}}"),
    Form("typeform-token", "tfp_", rf"tfp_{_W}{{40,}}+"),
    Form("readme-key", "rdme_", r"rdme_[a-z0-9]{70}"),
    # clouds
    Form(
        "aws-access-key-id",
        "AKIA ASIA ABIA ACCA",
        r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    Form("aws-bedrock-key", "ABSK bedrock-api-key-", rf"(?:ABSK|bedrock-api-key-){_A}{{60,}}+"),
    Form("google-key", "AIza", rf"AIza{_W}{{35}}(?!{_W})"),
    Form("google-oauth-secret", "GOCSPX-", rf"GOCSPX-{_W}{{28}}"),
    Form("google-oauth-token", "ya29.", r"ya29\.[A-Za-z0-9_.-]{20,}+"),
    Form("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", rf"do[por]_v1_{_HEX}{{64}}"),
    Form("alibaba-key-id", "LTAI", rf"LTAI{_A}{{17,21}}(?!{_W})"),
    Form("tencent-key-id", "AKID", rf"AKID{_A}{{32}}(?!{_W})"),
    Form("heroku-key", "HRKU-", rf"HRKU-{_W}{{36,}}+"),
    Form("cloudflare-key", "v1.0-", rf"v1\.0-{_HEX}{{24}}-{_HEX}{{146}}"),
    Form("cloudflare-token", "cfut_ cfat_", rf"cf(?:ut|at)_{_A}{{40,}}+"),
    Form("vercel-token", "vcp_ vci_ vca_ vcr_ vck_", rf"vc[piark]_{_W}{{24,}}+"),
    Form("netlify-token", "nfp_ nfc_ nfo_ nfb_ nfu_", rf"nf[pcobu]_{_A}{{36,}}+"),
    Form("fly-token", "fo1_ fm1 fm2_", r"f(?:o1|m1|m2|m1r)_[A-Za-z0-9+/=_-]{40,}+"),
    Form("supabase-key", "sbp_ sb_secret_", rf"(?:sbp_{_HEX}{{40}}|sb_secret_{_W}{{24,}}+)"),
    Form("planetscale-token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,}+"),
    Form("neon-key", "napi_", rf"napi_{_A}{{40,}}+"),
    Form("databricks-token", "dapi dose", rf"d(?:api|ose){_HEX}{{32}}(?:-[0-9])?(?!{_W})"),
    Form("tailscale-key", "tskey-", rf"tskey-[a-z]{{2,12}}-{_A}{{6,}}-{_A}{{16,}}+"),
    Form("pulumi-token", "pul-", rf"pul-{_HEX}{{40}}"),
    Form("prefect-key", "pnu_", rf"pnu_{_A}{{36}}(?!{_W})"),
    Form("vault-token", "hvs. hvb. hvr.", rf"hv[sbr]\.{_W}{{20,}}+"),
    Form(
        "doppler-token",
        "dp.",
        rf"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{2,35}}\.)?{_A}{{40,44}}",
    ),
    Form("1password-token", "ops_eyJ", r"ops_eyJ[A-Za-z0-9_=+/-]{100,}+"),
    Form("infracost-key", "ico-", rf"ico-{_A}{{32}}(?!{_W})"),
    # messages
    Form("slack-token", "xox", r"xox[abceoprsd](?:-|\.xox[bp]-)[A-Za-z0-9%-]{10,}+"),
    Form("slack-app-token", "xapp-", rf"xapp-[0-9]-[A-Z0-9]+-[0-9]+-{_A}{{32,}}+"),
    Form("sendgrid-key", "SG.", rf"SG\.{_W}{{16,32}}\.{_W}{{32,}}+"),
    Form("brevo-key", "xkeysib- xsmtpsib-", rf"x(?:keysib|smtpsib)-{_HEX}{{64}}-{_A}{{16}}"),
    Form("mailgun-key", "key-", rf"key-{_HEX}{{32}}(?!{_W})"),
    Form("twilio-key", "SK", rf"SK{_HEX}{{32}}(?!{_W})"),
    Form("resend-key", "re_", rf"re_{_A}{{8}}_{_A}{{24}}(?!{_W})"),
    Form("hubspot-token", "pat-na pat-eu", rf"pat-(?:na|eu)[0-9]-{_UUID}"),
    # money and shops
    Form(
        "stripe-key",
        "sk_ rk_ whsec_",
        rf"(?:[sr]k_(?:live|test|prod)_{_A}{{16,}}+|whsec_[A-Za-z0-9+/=]{{24,}}+)",
    ),
    Form("elevenlabs-key", "sk_", rf"sk_{_HEX}{{48}}(?!{_W})"),
    Form(
        "shopify-token",
        "shpat_ shpss_ shpca_ shppa_ shpua_",
        r"shp(?:at|ss|ca|pa|ua)_[0-9a-fA-F]{32}",
    ),
    Form("square-token", "sq0", rf"sq0(?:atp|csp|idp)-{_W}{{22,}}+"),
    Form("square-token", "EAAA", rf"EAAA{_W}{{60}}(?!{_W})"),
    Form("facebook-token", "EAA", rf"EAA{_A}{{80,}}+"),
    Form(
        "paypal-token",
        "access_token$",
        rf"access_token\$(?:production|sandbox)\$[0-9a-z]{{16}}\${_HEX}{{32}}",
    ),
    Form("paypal-token", "A21AA", rf"A21AA{_W}{{60,}}+"),
    Form("shippo-token", "shippo_", rf"shippo_(?:live|test)_{_HEX}{{40}}"),
    Form("easypost-key", "EZAK EZTK", rf"EZ[AT]K{_A}{{54}}"),
    Form("duffel-token", "duffel_", rf"duffel_(?:live|test)_{_W}{{43}}"),
    Form("plaid-token", "access-", rf"access-(?:sandbox|development|production)-{_UUID}"),
    # watching
    Form("newrelic-key", "NRAK- NRII- NRJS- NRBR- NRIQ-", rf"NR(?:AK|II|JS|BR|IQ)-{_W}{{19,}}+"),
    Form("sentry-token", "sntry", r"sntry[sua]_[A-Za-z0-9+/=_-]{40,}+"),
    Form(
        "grafana-token",
        "glsa_ glc_",
        rf"gl(?:sa_{_A}{{32}}_[0-9a-fA-F]{{8}}|c_[A-Za-z0-9+/=]{{32,}}+)",
    ),
    Form("dynatrace-token", "dt0", rf"dt0[a-z][0-9]{{2}}\.{_A}{{24}}\.{_A}{{64}}"),
    Form("datadog-key", "ddap", rf"ddap[ip]_{_A}{{32,}}+"),
    Form("posthog-key", "phx_ phs_", rf"ph[xs]_{_W}{{40,}}+"),
    Form("wandb-key", "wandb_v1_", rf"wandb_v1_{_W}{{40,}}+"),
    # more of all kinds
    Form("gitlab-token", "glimt-", rf"glimt-{_A}{{25}}"),
    Form("artifactory-key", "AKCp cmVmdGtu", rf"(?:AKCp{_A}{{60,}}+|cmVmdGtu{_A}{{50,}}+)"),
    Form("circleci-token", "CCIPAT_", rf"CCIPAT_{_A}{{20,24}}_{_HEX}{{40}}"),
    Form("buildkite-token", "bkua_", rf"bkua_{_HEX}{{40}}"),
    Form("sonar-token", "squ_ sqp_ sqa_", rf"sq[upa]_{_HEX}{{40}}"),
    Form("fireworks-key", "fw_", rf"fw_{_A}{{22,32}}+(?!{_W})"),
    Form("together-key", "tgp_v1_", rf"tgp_v1_{_W}{{40,}}+"),
    Form("cerebras-key", "csk-", rf"csk-{_A}{{40,}}+"),
    Form("tavily-key", "tvly-", rf"tvly-{_W}{{28,}}+"),
    Form("pinecone-key", "pcsk_", rf"pcsk_{_A}{{4,8}}_{_A}{{50,}}+"),
    Form("contentful-token", "CFPAT-", rf"CFPAT-{_W}{{40,}}+"),
    Form("octopus-key", "API-", r"API-[A-Z0-9]{25,32}+(?![A-Za-z0-9-])"),
    Form("render-key", "rnd_", rf"rnd_{_A}{{26,}}+(?!_)"),
    Form("yandex-key", "AQVN", rf"AQVN{_W}{{35,38}}+"),
    Form("scaleway-key", "SCW", r"SCW[A-Z0-9]{17}(?![A-Za-z0-9])"),
    Form("clickup-token", "pk_", r"pk_[0-9]{6,9}_[A-Z0-9]{32}(?![A-Za-z0-9])"),
    Form("infisical-token", "st.", rf"st\.{_UUID}\.{_HEX}{{32}}\.{_HEX}{{32}}"),
    Form("1password-key", "A3-", r"A3-[A-Z0-9]{6}-[A-Z0-9]{6}(?:-[A-Z0-9]{5}){4}"),
    Form("jina-key", "jina_", rf"jina_{_A}{{50,}}+"),
    Form("voyage-key", "pa-", rf"pa-{_W}{{43}}(?!{_W})"),
    Form("e2b-key", "e2b_", rf"e2b_{_HEX}{{40}}(?!{_W})"),
    Form("firecrawl-key", "fc-", rf"fc-{_HEX}{{32}}(?!{_W})"),
    Form("brave-key", "BSA", rf"BSA(?={_W}{{0,26}}[0-9]){_W}{{27,29}}+"),
    Form("helicone-key", "sk-helicone-", rf"sk-helicone-{_A}{{7}}(?:-{_A}{{7}}){{3}}"),
    Form("cursor-key", "key_", rf"key_{_HEX}{{64}}(?!{_W})"),
    Form("context7-key", "ctx7sk-", rf"ctx7sk-{_UUID}"),
    Form("mem0-key", "m0-", rf"m0-{_A}{{40}}(?!{_W})"),
    Form("runpod-key", "rpa_", r"rpa_[A-Z0-9]{36,}+(?![a-z_-])"),
    Form("modal-token", "ak- as-", rf"a[ks]-(?=[A-Za-z]{{0,21}}[0-9]){_A}{{22}}(?!{_W})"),
    Form("honeycomb-key", "hcaik_ hcxik_", r"hc[ax]ik_[a-z0-9]{58}"),
    Form("logfire-token", "pylf_v", rf"pylf_v[0-9]_(?:[a-z]{{2}}_)?{_A}{{40,}}+"),
    Form("axiom-token", "xaat- xapt-", rf"xa[ap]t-{_UUID}"),
    Form("snyk-token", "snyk_", rf"snyk_[a-z]{{2,5}}\.{_HEX}{{8}}\.{_W}{{40,}}+"),
    Form("adafruit-key", "aio_", rf"aio_{_A}{{28}}(?!{_W})"),
    Form("ory-token", "ory_", rf"ory_(?:pat|apikey|st|at|rt)_{_W}{{28,}}+"),
    Form("zuplo-key", "zpka_", rf"zpka_{_HEX}{{32}}_{_HEX}{{8}}"),
    Form("openai-session", "sess- rt_", rf"(?:sess-{_A}{{40}}|rt_{_W}{{64,}}+)(?!{_W})"),
    Form("dbt-token", "dbtu_ dbts_ dbtc_", rf"dbt[usc]_{_W}{{38,}}+"),
    Form("k3s-token", "K10", rf"K10{_HEX}{{64}}::[a-z-]{{4,20}}:{_HEX}{{32}}"),
    # secrets of one's own
    Form("nostr-key", "nsec1", r"nsec1[a-z0-9]{58}(?![A-Za-z0-9])"),
    Form("bitcoin-key", "xprv", r"xprv[1-9A-HJ-NP-Za-km-z]{100,}+"),
    Form("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,}+"),
    Form("dropbox-token", "sl.", rf"sl\.(?:u\.)?{_W}{{100,}}+"),
    Form("mapbox-token", "sk.eyJ", rf"sk\.eyJ{_W}{{20,}}\.{_W}{{20,}}+"),
    Form("jwt", "eyJ", rf"eyJ{_W}{{12,4096}}+(?:\.{_W}{{8,}}+){{1,4}}(?:\.(?!{_W}))?{_ON}"),
)

# Forms that do not begin with what tells them: tried from where the word begins that has it.
INNER: tuple[Form, ...] = (
    Form(
        "azure-client-secret",
        "8Q~ 7Q~",
        r"[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34}(?![A-Za-z0-9_~-]|\.[A-Za-z0-9])",
    ),
    Form("terraform-token", ".atlasv1.", rf"{_A}{{14}}\.atlasv1\.{_W}{{60,}}+"),
    Form("mailchimp-key", "-us", rf"{_HEX}{{32}}-us[0-9]{{1,2}}(?!{_W})"),
    Form("telegram-token", ":AA", rf"(?:bot)?(?P<secret>[0-9]{{8,10}}:AA{_W}{{33}})(?!{_W})"),
)
# Those that only their shape tells.
SHAPES: tuple[Form, ...] = (
    Form(
        "discord-token",
        "",
        rf"[MNO]{_W}{{23,28}}+\.{_W}{{6,7}}+\.{_W}{{27,40}}(?!{_W})",
    ),
    Form("mailgun-key", "", rf"(?<![0-9a-f-]){_HEX}{{32}}-{_HEX}{{8}}-{_HEX}{{8}}(?!{_W})"),
)
