use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub redirect_uris: String,
    pub grant_types: String,
    pub auth_method: String,
    pub secret_hash: Option<Vec<u8>>,
    pub scope: Option<String>,
    pub client_uri: Option<String>,
    pub software_id: Option<String>,
    pub software_version: Option<String>,
    pub application_type: Option<String>,
    pub jwks: Option<String>,
    pub jwks_uri: Option<String>,
    pub origin: String,
    pub created_at: i64,
    pub last_used_at: Option<i64>,
    pub disabled: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
