//! Whose texts nobody opens any more.

use aredvi_events::actors::{PersonErased, Refusal, RegistrationRefused};
use aredvi_events::{ActorId, Topic};
use aredvi_projectors::keys::{Key, KeyError};

use crate::world::{World, each, until};

async fn erased(world: &World, actor: ActorId) -> bool {
    matches!(world.deps.runner.keys.fetch(&[actor]).await.expect("keys").get(&actor), Some(Key::Erased))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_the_erased_and_the_refused_are_destroyed_for_good() {
    each(|world| async move {
        let keys = &world.deps.runner.keys;
        let [ana, ben, cai]: [ActorId; 3] = [world.id(), world.id(), world.id()];
        for person in [ana, ben, cai] {
            keys.create(person).await.expect("a key");
        }
        let keeper = world.key_keeper();
        let request = world.mint().event_id();
        world.append(Topic::Actors, ana, PersonErased { by: None, person: ana, request }).await;
        let refused = RegistrationRefused { by: None, person: ben, request, code: Refusal::EmailTaken };
        world.append(Topic::Actors, ben, refused).await;
        until("both are gone", async || erased(&world, ana).await && erased(&world, ben).await).await;
        assert!(matches!(keys.sealer(ana).await, Err(KeyError::Erased(who)) if who == ana));
        assert!(keys.sealer(cai).await.is_ok(), "nobody else's");
        keeper.end().await;

        // It goes on where it was, and none comes back.
        let keeper = world.key_keeper();
        world.append(Topic::Actors, cai, PersonErased { by: None, person: cai, request }).await;
        until("the third is gone", async || erased(&world, cai).await).await;
        assert!(erased(&world, ana).await);
        keeper.end().await;
    })
    .await;
}
